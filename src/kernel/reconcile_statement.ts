import type {
  KernelOperationsRecord,
  RangeRecord,
  SessionRecord,
  StatementKernelRecord,
  StatementRecord,
} from '../report/model.ts';
import { type Cause, cause, type CauseCode, verdictOf } from './causes.ts';
import { type Circumstances, holeCode, operationsCode } from './compare.ts';
import type { SocketLife } from './socket_life.ts';
import type { Stream } from './stream.ts';

/** A socket that carries a session's statements, and why the ends of its streams were not seen. */
export interface SeenSocket {
  readonly life: SocketLife;
  readonly tails: { readonly in: CauseCode | null; readonly out: CauseCode | null };
}

interface Tally extends KernelOperationsRecord {
  /** Why it is not all, or not the statement's alone. */
  readonly codes: CauseCode[];
}

const DIRECTIONS = ['R', 'S'] as const;

/**
 * Gives a statement the operations of the runs in its ranges of the streams. Runs change where the kernel saw the
 * direction change, statements where the protocol says that they do: that both are at the same offset is a check that
 * neither side could have arranged.
 *
 * @returns the record, and what contradicts the report
 */
export function reconcileStatement(
  statement: StatementRecord,
  session: SessionRecord,
  server: SeenSocket | CauseCode,
  backend: SeenSocket | null,
  circumstances: Circumstances,
): { record: StatementKernelRecord; mismatches: Cause[] } {
  const { stream } = statement;
  const why = uncheckable(statement, server);
  if (why !== null || typeof server === 'string')
    return {
      record: { verdict: 'unchecked', causes: [why ?? 'socket_not_seen'], proxy: null, backend: null },
      mismatches: [],
    };
  const codes = new Set<CauseCode>();
  const mismatches: Cause[] = [];
  const proxy = { R: nothing(), S: nothing() };
  const behind = backend === null ? null : { R: nothing(), S: nothing() };
  for (const direction of DIRECTIONS) {
    const ranges = stream[direction]!;
    const outgoing = direction === 'R';
    const own = tally(server, outgoing ? 'out' : 'in', ranges, circumstances);
    proxy[direction] = operationsOf(own);
    const found = [...own.codes];
    if (found.length === 0) {
      const differs = compare(own.operations, statement, session, outgoing);
      if (differs !== null) found.push(differs.code);
      if (differs?.code === 'statement_differs') mismatches.push(differs);
    }
    const differs = compareRange(ranges, statement, session, direction);
    if (differs !== null) {
      found.push(differs.code);
      mismatches.push(differs);
    }
    if (backend !== null && behind !== null) {
      const other = tally(backend, outgoing ? 'in' : 'out', ranges, circumstances);
      behind[direction] = operationsOf(other);
      found.push(...other.codes);
    }
    for (const code of found) codes.add(code);
  }
  return { record: { verdict: verdictOf(codes), causes: [...codes], proxy, backend: behind }, mismatches };
}

function uncheckable({ stream }: StatementRecord, server: SeenSocket | CauseCode): CauseCode | null {
  if (typeof server === 'string') return server;
  const { life } = server;
  if (!life.helper.seesOperations) return 'totals_only';
  if (stream.R === null || stream.S === null) return 'stream_unknown';
  // Without an absolute offset there is nothing to join with.
  return life.received.relative || life.sent.relative ? 'attached_late' : null;
}

/** Adds up the runs that have bytes in the ranges. */
function tally(
  { life, tails }: SeenSocket,
  direction: 'in' | 'out',
  ranges: readonly RangeRecord[],
  circumstances: Circumstances,
): Tally {
  const stream = direction === 'in' ? life.received : life.sent;
  const sum: { operations: number; shared: number; us: number | null } = {
    operations: 0,
    shared: 0,
    us: null,
  };
  const codes = new Set<CauseCode>();
  if (stream.contradiction !== null) codes.add('contradiction');
  // Somewhere in the stream, and all that comes later stands elsewhere than it says.
  if (tails[direction] === 'lost_records' && life.helper.missedCalls) codes.add('lost_records');
  for (const [from, to] of ranges) {
    for (const code of unseen(stream, from, to, tails[direction], circumstances)) codes.add(code);
    for (const run of stream.between(from, to)) {
      if (run.folded) codes.add('runs_folded');
      if (run.from >= from && run.to <= to) {
        sum.operations += run.ops;
        if (run.us !== null) sum.us = (sum.us ?? 0) + run.us;
      } else {
        sum.shared += run.ops;
        if (!run.folded) codes.add('shared_run');
      }
    }
  }
  return { ...sum, codes: [...codes] };
}

function* unseen(
  stream: Stream,
  from: number,
  to: number,
  tail: CauseCode | null,
  circumstances: Circumstances,
): Generator<CauseCode> {
  for (const hole of stream.holes)
    if (hole.from < to && hole.to > from) yield holeCode(hole.why, circumstances);
  // A range beyond the end of a stream that was seen whole was written, and not taken.
  if (to > stream.end) yield tail ?? 'undelivered';
}

/** The statement's own runs hold all of its operations and no others. */
function compare(
  kernel: number,
  statement: StatementRecord,
  session: SessionRecord,
  outgoing: boolean,
): Cause | null {
  const { tls, deferred } = session.wire.server;
  if (tls !== null) return cause('tls_records');
  const ours = outgoing ? statement.R.writes : statement.S.reads;
  const code = operationsCode(kernel, ours, outgoing ? deferred : 0, true);
  if (code !== 'operations_differ') return code === null ? null : cause(code);
  return cause(
    'statement_differs',
    { statement: statement.seq, kernel, ours },
    { leg: 'server', direction: outgoing ? 'out' : 'in' },
  );
}

/** In the clear the range is the statement's bytes, unless some were never written. */
function compareRange(
  ranges: readonly RangeRecord[],
  statement: StatementRecord,
  session: SessionRecord,
  direction: 'R' | 'S',
): Cause | null {
  if (session.wire.server.tls !== null || (direction === 'R' && session.undelivered.R > 0)) return null;
  const range = ranges.reduce((sum, [from, to]) => sum + to - from, 0);
  const { bytes } = statement[direction];
  if (range === bytes) return null;
  return cause(
    'range_differs',
    { statement: statement.seq, range, bytes },
    { leg: 'server', direction: direction === 'R' ? 'out' : 'in' },
  );
}

function operationsOf({ operations, shared, us }: Tally): KernelOperationsRecord {
  return { operations, shared, us };
}

function nothing(): KernelOperationsRecord {
  return { operations: 0, shared: 0, us: null };
}
