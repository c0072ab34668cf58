import type {
  KernelCountsRecord,
  KernelSocketRecord,
  SessionKernelRecord,
  SessionRecord,
  StatementRecord,
  Verdict,
} from '../report/model.ts';
import { type Cause, cause, type CauseCode, verdictOf } from './causes.ts';
import { type Circumstances, compareBackend, compareOwn, type Finding, type Ours } from './compare.ts';
import type { KernelLedger } from './ledger.ts';
import type { LegName, SessionSockets } from './match.ts';
import { reconcileStatement, type SeenSocket } from './reconcile_statement.ts';
import type { SocketLife } from './socket_life.ts';

/** Statements whose operations differ that are told one by one. */
const MAX_TOLD = 5;

/** The session with what the kernel says of it and of its statements. */
export function reconcileSession(
  session: SessionRecord,
  sockets: SessionSockets,
  ledger: KernelLedger,
): SessionRecord {
  const circumstances: Circumstances = {
    open: session.ended_at === null,
    endedAt: session.ended_at === null ? null : Date.parse(session.ended_at),
    lost: ledger.lost,
    damaged: ledger.damagedCount,
  };
  const leg = (name: LegName): Leg => reconcileLeg(name, session, sockets[name], circumstances);
  const [client, server, backend] = [leg('client'), leg('server'), leg('backend')];
  const legs = [client, server, backend];
  const statements: StatementRecord[] = [];
  const told: Cause[] = [];
  for (const statement of session.statements) {
    const { record, mismatches } = reconcileStatement(
      statement,
      session,
      server.seen ?? notSeen(server),
      backend.seen,
      circumstances,
    );
    statements.push({ ...statement, kernel: record });
    told.push(...mismatches);
  }
  const ofLegs = legs.flatMap(({ causes }) => causes);
  const ofRecording = [...recordingCauses(legs, session, ledger)];
  const kernel: SessionKernelRecord = {
    verdict: sessionVerdict(legs, [...ofRecording, ...told]),
    causes: [...ofLegs, ...ofRecording, ...told.slice(0, MAX_TOLD)],
    client: client.record,
    server: server.record,
    backend: backend.record,
    counts: legs.some(({ seen }) => seen !== null) ? counts(session, sockets) : null,
  };
  return { ...session, kernel, statements };
}

interface Leg {
  readonly name: LegName;
  /** `none`: there is no such socket, or it need not be seen. */
  readonly verdict: Verdict | 'none';
  readonly causes: readonly Cause[];
  readonly record: KernelSocketRecord | null;
  readonly seen: SeenSocket | null;
}

function reconcileLeg(
  name: LegName,
  session: SessionRecord,
  life: SocketLife | null,
  circumstances: Circumstances,
): Leg {
  if (life === null) {
    const code = whyNotSeen(name, session);
    const causes = code === null ? [] : [cause(code, {}, { leg: name, direction: null })];
    return { name, verdict: code === null ? 'none' : 'unchecked', causes, record: null, seen: null };
  }
  const compare = name === 'backend' ? compareBackend : compareOwn;
  const find = (direction: 'in' | 'out'): Finding =>
    compare(life, oursOf(name, direction, session), { leg: name, direction }, circumstances);
  const [into, outOf] = [find('in'), find('out')];
  const causes = [...into.causes, ...outOf.causes];
  const verdict = verdictOf(causes.map(({ code }) => code));
  return {
    name,
    verdict,
    causes,
    record: socketRecord(life, verdict),
    seen: { life, tails: { in: into.tail, out: outOf.tail } },
  };
}

/** Null when that is as it should be. */
function whyNotSeen(name: LegName, session: SessionRecord): CauseCode | null {
  // A backend is seen when it is on the same machine, and no proof is missing when it is not.
  if (name === 'backend') return null;
  if (name === 'server' && session.server === null) return null;
  const { local, bytes_in, bytes_out } = session.wire[name];
  if (local === null) return 'unix_socket';
  // Of a socket that has moved nothing there may be nothing to tell.
  return bytes_in + bytes_out === 0 ? null : 'socket_not_seen';
}

function notSeen({ causes }: Leg): CauseCode {
  return causes[0]?.code ?? 'socket_not_seen';
}

/** What the report says of one direction of a socket; what the backend reads is what the proxy has written. */
function oursOf(name: LegName, direction: 'in' | 'out', session: SessionRecord): Ours {
  const wire = session.wire[name === 'client' ? 'client' : 'server'];
  const outgoing = (direction === 'out') !== (name === 'backend');
  const { tls } = wire;
  if (!outgoing) return { bytes: wire.bytes_in, operations: wire.reads, deferred: 0, undelivered: 0, tls };
  const undelivered = session.undelivered[name === 'client' ? 'S' : 'R'];
  return { bytes: wire.bytes_out, operations: wire.writes, deferred: wire.deferred, undelivered, tls };
}

/** What the recording as a whole lacks. */
function* recordingCauses(
  legs: readonly Leg[],
  { wire }: SessionRecord,
  ledger: KernelLedger,
): Generator<Cause> {
  const helpers = new Set(legs.flatMap(({ seen }) => seen?.life.helper ?? []));
  for (const { attach, state } of helpers) {
    if (attach === null) yield cause('no_attach');
    if (state === 'gone') yield cause('no_detach');
  }
  const isMissing = ({ name, seen }: Leg): boolean =>
    seen === null && wire[name === 'client' ? 'client' : 'server'].local !== null;
  if (!legs.some(isMissing)) return;
  if (ledger.orphans > 0) yield cause('orphan_records', { records: ledger.orphans });
  if (ledger.forgotten > 0) yield cause('sockets_forgotten', { sockets: ledger.forgotten });
}

/** `unchecked` when nothing was compared; what was compared in part only is `explained` at best. */
function sessionVerdict(legs: readonly Leg[], more: readonly Cause[]): Verdict {
  const verdicts = legs.map(({ verdict }) => verdict).filter((verdict) => verdict !== 'none');
  const others = verdictOf(more.map(({ code }) => code));
  if (others === 'mismatch' || verdicts.includes('mismatch')) return 'mismatch';
  if (verdicts.every((verdict) => verdict === 'unchecked')) return 'unchecked';
  return others === 'ok' && verdicts.every((verdict) => verdict === 'ok') ? 'ok' : 'explained';
}

function socketRecord(life: SocketLife, verdict: Verdict): KernelSocketRecord {
  const { received, sent, helper } = life;
  const sees = helper.seesOperations;
  return {
    verdict,
    pid: life.pid,
    process: life.process,
    opened_at: timestamp(life.openedAt),
    closed_at: timestamp(life.closedAt),
    bytes_in: received.relative ? null : Math.max(received.end, received.told ?? 0),
    bytes_out: sent.relative ? null : Math.max(sent.end, sent.told ?? 0),
    reads: sees ? received.ops : null,
    writes: sees ? sent.ops : null,
    seen_in: received.seen,
    seen_out: sent.seen,
    read_us: received.us,
    write_us: sent.us,
    tcp: life.tcp === null ? null : { ...life.tcp },
  };
}

function timestamp(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}

function counts(session: SessionRecord, { client, server, backend }: SessionSockets) {
  const seen = (life: SocketLife | null): SocketLife | null =>
    life?.helper.seesOperations === true ? life : null;
  const segments = (life: SocketLife | null, name: 'data_segs_in' | 'data_segs_out' | 'retransmits') =>
    life?.tcp?.[name] ?? null;
  // A report that an older version has written has none.
  const records = (leg: 'client' | 'server', direction: 'in' | 'out'): number | null =>
    session.wire[leg].tls?.[`records_${direction}`] ?? null;
  const R: KernelCountsRecord = {
    messages: session.R.messages,
    reads: session.wire.client.reads,
    kernel_reads: seen(client)?.received.ops ?? null,
    writes: session.wire.server.writes,
    kernel_writes: seen(server)?.sent.ops ?? null,
    backend_operations: seen(backend)?.received.ops ?? null,
    tls_records: { client: records('client', 'in'), server: records('server', 'out') },
    segments: { client: segments(client, 'data_segs_in'), server: segments(server, 'data_segs_out') },
    // The client's own are not seen.
    retransmits: { client: null, server: segments(server, 'retransmits') },
  };
  const S: KernelCountsRecord = {
    messages: session.S.messages,
    reads: session.wire.server.reads,
    kernel_reads: seen(server)?.received.ops ?? null,
    writes: session.wire.client.writes,
    kernel_writes: seen(client)?.sent.ops ?? null,
    backend_operations: seen(backend)?.sent.ops ?? null,
    tls_records: { client: records('client', 'out'), server: records('server', 'in') },
    segments: { client: segments(client, 'data_segs_out'), server: segments(server, 'data_segs_in') },
    retransmits: { client: segments(client, 'retransmits'), server: segments(backend, 'retransmits') },
  };
  return { R, S };
}
