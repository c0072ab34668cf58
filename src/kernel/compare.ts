import type { TlsRecord } from '../report/model.ts';
import { type About, type Cause, cause, type CauseCode } from './causes.ts';
import type { SocketLife } from './socket_life.ts';
import type { Stream } from './stream.ts';

/** What the report says of one direction of one of the proxy's sockets. */
export interface Ours {
  readonly bytes: number;
  readonly operations: number;
  /** Of the operations, if they are writes: those that the kernel did not take at once. */
  readonly deferred: number;
  /** Bytes of writes that were not taken whole. */
  readonly undelivered: number;
  /** Null without TLS. */
  readonly tls: TlsRecord | null;
}

/** When the report's figures were taken, and how well the helper kept up. */
export interface Circumstances {
  /** The session had not ended. */
  readonly open: boolean;
  /** When it ended, in milliseconds since 1970. */
  readonly endedAt: number | null;
  readonly lost: number;
  readonly damaged: number;
}

/** What was found on one direction of a socket. */
export interface Finding {
  readonly causes: Cause[];
  /** Why bytes at the end of the stream were not seen; null when all were. */
  readonly tail: CauseCode | null;
}

/** Two clocks of one machine, read at different moments. */
const CLOCK_SLACK_MS = 1000;

/** Compares one direction of one of the proxy's own sockets. */
export function compareOwn(
  life: SocketLife,
  ours: Ours,
  about: About,
  circumstances: Circumstances,
): Finding {
  const stream = about.direction === 'in' ? life.received : life.sent;
  if (!life.helper.seesOperations)
    return compareTotals(stream, ours, about, circumstances, (figures) => excessCause(figures, ours, about));
  const causes = [...recordCauses(stream, about, circumstances)];
  const tail = tailCause(life, stream, ours, about, circumstances);
  if (tail !== null) causes.push(tail);
  causes.push(...compareOperations(stream, ours, about, circumstances));
  return { causes, tail: tail?.code ?? null };
}

/**
 * Compares one direction of the backend's socket with the other end of it, the proxy's. The backend's operations are
 * nobody else's to compare with.
 */
export function compareBackend(
  life: SocketLife,
  ours: Ours,
  about: About,
  circumstances: Circumstances,
): Finding {
  const incoming = about.direction === 'in';
  const stream = incoming ? life.received : life.sent;
  const unreceived = (bytes: number): Cause => cause('backend_unreceived', { bytes }, about);
  if (!life.helper.seesOperations) {
    return compareTotals(stream, ours, about, circumstances, (figures) =>
      incoming ? excessCause(figures, ours, about) : unreceived(figures.kernel - figures.ours),
    );
  }
  const causes = [...recordCauses(stream, about, circumstances)];
  const short = ours.bytes - stream.end;
  const cut = life.state === 'closed' && !circumstances.open && !stream.relative;
  let tail = tailCause(life, stream, ours, about, circumstances);
  if (cut && incoming && short > 0 && !life.helper.missedCalls)
    tail = cause('backend_unread', { bytes: short }, about);
  if (cut && !incoming && short < 0) tail = unreceived(-short);
  // Whether it has read them, or has gone without, its end would tell.
  if (incoming && short > 0 && life.state !== 'closed' && tail?.code === 'bytes_differ')
    tail = cause('no_close', {}, about);
  if (tail !== null) causes.push(tail);
  return { causes, tail: tail?.code ?? null };
}

/** What the records of a socket lack, or say against each other. */
function* recordCauses(stream: Stream, about: About, circumstances: Circumstances): Generator<Cause> {
  const { contradiction, holes } = stream;
  if (contradiction !== null) yield cause('contradiction', { ...contradiction }, about);
  for (const why of ['before', 'between', 'lost'] as const) {
    const found = holes.filter((hole) => hole.why === why);
    const [first] = found;
    if (first === undefined) continue;
    const bytes = found.reduce((sum, { from, to }) => sum + to - from, 0);
    const { lost, damaged } = circumstances;
    yield cause(holeCode(why, circumstances), { bytes, at: first.from, lost, damaged }, about);
  }
}

/** Why operations were not seen. */
export function holeCode(why: 'before' | 'between' | 'lost', { lost, damaged }: Circumstances): CauseCode {
  if (why === 'before') return 'attached_late';
  if (why === 'between') return 'reattached';
  return lost > 0 ? 'lost_records' : damaged > 0 ? 'damaged_lines' : 'gap';
}

/** Where the stream ends, and where the report says that it does. */
function tailCause(
  life: SocketLife,
  stream: Stream,
  ours: Ours,
  about: About,
  circumstances: Circumstances,
): Cause | null {
  const { open, lost, damaged } = circumstances;
  const figures = { kernel: stream.end, ours: ours.bytes };
  const more = stream.end - ours.bytes;
  if (stream.relative) {
    // Only so much is known: it cannot have been more than all.
    if (stream.seen > ours.bytes && !open)
      return cause('bytes_differ', { ...figures, kernel: stream.seen }, about);
    return cause('attached_late', {}, about);
  }
  if (open) return more === 0 && life.settled ? null : cause('still_open', figures, about);
  if (more > 0) return excessCause(figures, ours, about);
  if (more === 0) return life.state === 'closed' ? null : cause('no_close', {}, about);
  const { helper } = life;
  const missing = { bytes: -more, lost, damaged };
  if (life.state === 'closed')
    return helper.missedCalls ? cause('lost_records', missing, about) : cause('bytes_differ', figures, about);
  if (helper.state === 'gone') return cause('no_detach', missing, about);
  if (helper.state === 'detached' && leftBefore(helper.detachedAt, circumstances.endedAt))
    return cause('detached_early', missing, about);
  if (helper.unflushed) return cause('not_flushed', missing, about);
  const code = holeCode('lost', circumstances);
  return code === 'gap' ? cause('bytes_differ', figures, about) : cause(code, missing, about);
}

/** The kernel counts more than the report: some of what was not taken whole, or it is a mismatch. */
function excessCause(
  figures: { readonly kernel: number; readonly ours: number },
  { undelivered, tls }: Ours,
  about: About,
): Cause {
  const explained = undelivered > 0 && figures.kernel - figures.ours <= mostTaken(undelivered, tls !== null);
  return explained
    ? cause('undelivered', { ...figures, undelivered }, about)
    : cause('bytes_differ', figures, about);
}

function leftBefore(detachedAt: number | null, endedAt: number | null): boolean {
  return detachedAt === null || endedAt === null || detachedAt < endedAt + CLOCK_SLACK_MS;
}

/** With TLS, what was not taken whole is more on the wire: at most so much for records of a kilobyte. */
function mostTaken(undelivered: number, tls: boolean): number {
  return tls ? undelivered + 64 * (1 + Math.ceil(undelivered / 1024)) : undelivered;
}

function compareOperations(
  stream: Stream,
  ours: Ours,
  about: About,
  { open }: Circumstances,
): readonly Cause[] {
  const figures = { kernel: stream.ops, ours: ours.operations };
  if (ours.tls !== null) {
    const records = about.direction === 'in' ? ours.tls.records_in : ours.tls.records_out;
    return [cause('tls_records', { ...figures, ...(typeof records === 'number' && { records }) }, about)];
  }
  const complete = !stream.relative && stream.holes.length === 0 && stream.end >= ours.bytes;
  // Of an open session more may have been seen meanwhile.
  if (open && (!complete || stream.end > ours.bytes)) return [];
  const code = operationsCode(stream.ops, ours.operations, ours.deferred, complete);
  return code === null ? [] : [cause(code, { ...figures, deferred: ours.deferred }, about)];
}

/** @param complete all operations were seen; otherwise there can only be fewer */
export function operationsCode(
  kernel: number,
  ours: number,
  deferred: number,
  complete: boolean,
): 'partial_writes' | 'untaken_writes' | 'operations_differ' | null {
  if (kernel === ours) return null;
  if (kernel > ours) return deferred > 0 ? 'partial_writes' : 'operations_differ';
  if (!complete) return null;
  return ours - kernel <= deferred ? 'untaken_writes' : 'operations_differ';
}

/** A method that looks at totals now and then: they can only be behind. */
function compareTotals(
  stream: Stream,
  ours: Ours,
  about: About,
  { open }: Circumstances,
  excess: (figures: { kernel: number; ours: number }) => Cause,
): Finding {
  const figures = { kernel: Math.max(stream.told ?? 0, stream.end), ours: ours.bytes };
  const causes = [cause('totals_only', figures, about)];
  if (stream.contradiction !== null) causes.push(cause('contradiction', { ...stream.contradiction }, about));
  if (!open && figures.kernel > figures.ours) causes.push(excess(figures));
  return { causes, tail: null };
}
