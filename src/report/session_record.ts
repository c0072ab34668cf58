import { type QueryTexts, shownText } from '../account/query_texts.ts';
import { visibleBytes } from '../wire/encodings.ts';
import type { Account } from '../session/account.ts';
import { imbalances } from '../session/balance.ts';
import type { LegTotals, TlsTotals } from '../session/leg_totals.ts';
import type { Session } from '../session/session.ts';
import type { Statement } from '../session/statement.ts';
import type {
  AccountRecord,
  ActivityRecord,
  AccountsRecord,
  FlowRecord,
  LegRecord,
  RangeRecord,
  SessionIdentity,
  SessionRecord,
  StatementRecord,
  TlsRecord,
} from './model.ts';
import { notCounted } from './not_counted.ts';
import type { SteadyClock } from './steady_clock.ts';
import { atOnce, type Steps } from './steps.ts';

/** The books of a session as they stand, with the statements that are kept and those under way, or the latter only. */
export function sessionRecord(
  session: Session,
  clock: SteadyClock,
  listed: 'kept' | 'open' = 'kept',
  texts: QueryTexts = 'raw',
): SessionRecord {
  return atOnce(sessionRecordInSteps(session, clock, listed, texts));
}

/**
 * As {@link sessionRecord}: what may still change is read in the first step, and then statement by statement those whose
 * figures are final.
 */
export function* sessionRecordInSteps(
  session: Session,
  clock: SteadyClock,
  listed: 'kept' | 'open',
  texts: QueryTexts = 'raw',
): Steps<SessionRecord> {
  // Nothing of one that has ended changes any more, and none of its statements is under way.
  const isEnded = session.endedAt !== null && listed === 'open';
  const known = isEnded ? ended.get(session) : undefined;
  if (known !== undefined) return known;
  // Before what was dropped is looked at: listing drops those beyond the limit.
  const statements = listed === 'kept' ? session.statements() : session.openStatements();
  const { server } = session.wire;
  const underWay = new Map(
    statements.flatMap((one) => (one.closed ? [] : [[one, statementRecord(one, server, clock, texts)]])),
  );
  const record = recordOfBooks(session, clock);
  if (isEnded) ended.set(session, record);
  for (const statement of statements) {
    record.statements.push(underWay.get(statement) ?? statementRecord(statement, server, clock, texts));
    yield;
  }
  return record;
}

/** Records of sessions that have ended, without statements. */
const ended = new WeakMap<Session, SessionRecord>();

/** All but the statements. */
function recordOfBooks(session: Session, clock: SteadyClock): SessionRecord {
  const now = clock.now();
  session.waits.catchUp(now);
  const { startup, facts } = session;
  const { droppedStatements } = session;
  const accounts = accountsRecord(session);
  const undelivered = { ...session.undelivered };
  const wire = { client: legRecord(session.wire.client), server: legRecord(session.wire.server) };
  const found = imbalances(session);
  const { flows, waits } = session;
  const activeUs = microseconds(waits.activeMs(session.endedAt ?? now));
  const idleUs = microseconds(waits.idleMs);
  return {
    id: session.id,
    ...sessionIdentity(session),
    via: session.via === null ? null : { ...session.via },
    protocol: startup === null ? null : `${startup.protocolMajor}.${startup.protocolMinor}`,
    encrypted: session.passthrough ? 'passthrough' : null,
    accounting: session.accounting,
    console: session.isConsole,
    activity: session.endedAt === null ? activityRecord(session, clock) : null,
    server_version: facts.serverVersion,
    started_at: clock.timestamp(session.startedAt),
    ended_at: session.endedAt === null ? null : clock.timestamp(session.endedAt),
    end_reason: session.endReason,
    end_detail: session.endDetail,
    R: flowRecord(flows.R),
    S: flowRecord(flows.S),
    accounts,
    wire,
    undelivered,
    balanced: found.length === 0,
    imbalances: found,
    kernel: notCounted(),
    time: {
      // The sum, so that the two add up to it, rounding or not.
      duration_us: activeUs + idleUs,
      active_us: activeUs,
      idle_us: idleUs,
      idle_in_transaction_us: microseconds(waits.idleInTransactionMs),
      client_stall_us: microseconds(waits.clientStallMs),
      server_stall_us: microseconds(waits.serverStallMs),
      client_wait_us: microseconds(waits.clientWaitMs),
    },
    roundtrips: session.roundtrips,
    transactions: facts.transactions,
    statement_count: session.statementCount,
    statements: [],
    dropped: {
      statements: droppedStatements.statements,
      R: flowRecord(droppedStatements.account.R),
      S: flowRecord(droppedStatements.account.S),
    },
  };
}

function activityRecord(session: Session, clock: SteadyClock): ActivityRecord {
  const { state, waitEvent, transactionStartedAt, changedAt } = session.activity;
  return {
    state,
    wait_event: waitEvent,
    statement: session.answering?.seq ?? null,
    xact_started_at: transactionStartedAt === null ? null : clock.timestamp(transactionStartedAt),
    changed_at: clock.timestamp(changedAt),
  };
}

/** Who a session is, as far as that is known yet. */
export function sessionIdentity(session: Session): SessionIdentity {
  const { startup, facts } = session;
  const parameters = startup?.parameters;
  const shown = (text: string | undefined): string | null => (text === undefined ? null : visibleBytes(text));
  const user = shown(parameters?.get('user'));
  return {
    listener: session.entrance?.listener ?? null,
    upstream: session.entrance?.upstream ?? null,
    client: { ...session.client },
    server: session.server === null ? null : { ...session.server },
    backend_pid: facts.backendKey?.processId ?? null,
    user,
    // The server takes the user's name when the client names no database.
    database: shown(parameters?.get('database')) ?? user,
    application_name: shown(facts.applicationName ?? parameters?.get('application_name')),
  };
}

/**
 * A statement's figures as they stand.
 *
 * @param server the session's leg towards the server
 */
export function statementRecord(
  statement: Statement,
  server: LegTotals,
  clock: SteadyClock,
  texts: QueryTexts = 'raw',
): StatementRecord {
  const { query } = statement;
  return {
    seq: statement.seq,
    kind: statement.kind,
    query: shownText(query, texts),
    query_bytes: query?.bytes ?? null,
    query_truncated: query?.truncated ?? false,
    fingerprint: statement.fingerprint,
    outcome: statement.outcome,
    sqlstate: statement.sqlstate,
    tag: statement.tag,
    rows: statement.rows,
    roundtrips: statement.roundtrips,
    fetches: statement.fetches,
    parts: (statement.parts ?? []).map((part) => ({
      tag: part.tag,
      rows: part.rows,
      S: { bytes: part.bytesS },
    })),
    completions: statement.completions,
    R: flowRecord(statement.R),
    S: flowRecord(statement.S),
    stream: streamRecord(statement, server),
    tls_records: tlsRecordsRecord(statement),
    kernel: null,
    time: timeRecord(statement, clock),
  };
}

/** In the clear the protocol's stream begins behind what this leg alone has had, an SSLRequest and its answer. */
function streamRecord(statement: Statement, server: LegTotals): StatementRecord['stream'] {
  if (server.tls === null)
    return { R: ranges(statement, 'R', server.ownOut), S: ranges(statement, 'S', server.ownIn) };
  const { onSocket } = statement;
  return onSocket === null ? { R: null, S: null } : { R: [[...onSocket.R]], S: [[...onSocket.S]] };
}

function tlsRecordsRecord({ tlsRecords }: Statement): StatementRecord['tls_records'] {
  if (tlsRecords === null) return null;
  const { client, server } = tlsRecords;
  return {
    R: { client: client?.in ?? null, server: server?.out ?? null },
    S: { client: client?.out ?? null, server: server?.in ?? null },
  };
}

function ranges(statement: Statement, direction: 'R' | 'S', before: number): RangeRecord[] | null {
  return statement.ranges(direction)?.map(([from, to]) => [from + before, to + before]) ?? null;
}

function timeRecord(statement: Statement, clock: SteadyClock): StatementRecord['time'] {
  const { R, S, endedAt } = statement;
  const elapsedUs = microseconds((endedAt === 0 ? clock.now() : endedAt) - R.firstAt);
  const durationUs = endedAt === 0 ? null : elapsedUs;
  const firstByteUs = S.firstAt === 0 ? null : microseconds(S.firstAt - R.firstAt);
  const waitUs = microseconds(statement.clientWaitMs);
  const behindFirstByteUs = durationUs === null || firstByteUs === null ? null : durationUs - firstByteUs;
  const clientWaitUs = Math.min(waitUs, behindFirstByteUs ?? waitUs);
  return {
    started_at: clock.timestamp(R.firstAt),
    duration_us: durationUs,
    elapsed_us: elapsedUs,
    first_byte_us: firstByteUs,
    // The rest, so that the three add up to the duration, rounding or not.
    streaming_us: behindFirstByteUs === null ? null : behindFirstByteUs - clientWaitUs,
    client_stall_us: microseconds(statement.clientStallMs),
    server_stall_us: microseconds(statement.serverStallMs),
    client_wait_us: clientWaitUs,
  };
}

/** A flow's published figures. */
export function flowRecord(flow: FlowRecord): FlowRecord {
  return { bytes: flow.bytes, messages: flow.messages, reads: flow.reads, writes: flow.writes };
}

export function microseconds(ms: number): number {
  return Math.round(ms * 1000);
}

function accountsRecord(session: Session): AccountsRecord {
  const { accounts, pendingBytes } = session;
  const opaque = accountRecord(accounts.opaque);
  return {
    statement: accountRecord(session.statementAccount),
    startup: accountRecord(accounts.startup),
    async: accountRecord(accounts.async),
    control: accountRecord(accounts.control),
    // A message whose header or names are still incomplete is not understood yet.
    opaque: { ...opaque, R: opaque.R + pendingBytes.R, S: opaque.S + pendingBytes.S },
  };
}

function accountRecord({ R, S }: Account): AccountRecord {
  return {
    R: R.bytes,
    S: S.bytes,
    messages: { R: R.messages, S: S.messages },
    reads: { R: R.reads, S: S.reads },
    writes: { R: R.writes, S: S.writes },
  };
}

function legRecord(leg: LegTotals): LegRecord {
  const { tls } = leg;
  return {
    bytes_in: tls?.socketIn ?? leg.in,
    bytes_out: tls?.socketOut ?? leg.out,
    reads: leg.reads,
    writes: leg.writes,
    deferred: leg.deferred,
    local: leg.ends === null ? null : { ...leg.ends.local },
    remote: leg.ends === null ? null : { ...leg.ends.remote },
    own_in: leg.ownIn,
    own_out: leg.ownOut,
    tls: tls === null ? null : tlsRecord(tls),
  };
}

function tlsRecord(tls: TlsTotals): TlsRecord {
  const { protocol, cipher, overheadIn, overheadOut, recordsIn, recordsOut } = tls;
  return {
    protocol,
    cipher,
    overhead_in: overheadIn,
    overhead_out: overheadOut,
    records_in: recordsIn,
    records_out: recordsOut,
  };
}
