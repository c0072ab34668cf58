// The laws that every report must hold.
import assert from 'node:assert/strict';
import type {
  AccountRecord,
  FlowRecord,
  LegRecord,
  ReportRecord,
  SessionRecord,
} from '../../src/report/model.ts';

/** The law of conservation, for a report taken at any moment. */
export function assertConserved(report: ReportRecord): void {
  for (const session of report.sessions) assertSessionConserved(session);
  assert.equal(report.dropped.unbalanced, 0, 'unbalanced among the dropped sessions');
  for (const direction of ['R', 'S'] as const) {
    const sum = sumOf([...report.sessions.map((session) => session[direction]), report.dropped[direction]]);
    assert.deepEqual(report.totals[direction], sum, `totals of ${direction} are the sum of the sessions`);
  }
}

function assertSessionConserved(session: SessionRecord): void {
  const name = `session ${session.id}`;
  assert.deepEqual(session.imbalances, [], name);
  assert.equal(session.balanced, true, name);
  const { client, server } = session.wire;
  const { accounts, undelivered } = session;
  for (const direction of ['R', 'S'] as const) {
    const flows = Object.values(accounts).map((account: AccountRecord) => flowOf(account, direction));
    assert.deepEqual(sumOf(flows), session[direction], `${name}: sum of the accounts, ${direction}`);
    assert.deepEqual(
      sumOf([...session.statements.map((one) => one[direction]), session.dropped[direction]]),
      flowOf(accounts.statement, direction),
      `${name}: sum of the statements, ${direction}`,
    );
  }
  assert.equal(session.statements.length + session.dropped.statements, session.statement_count, name);
  const ofClient = protocolBytes(client);
  const ofServer = protocolBytes(server);
  assert.equal(ofClient.in, session.R.bytes, `${name}: read from the client`);
  assert.equal(ofServer.out + undelivered.R, session.R.bytes, `${name}: written to the server`);
  assert.equal(ofServer.in, session.S.bytes, `${name}: read from the server`);
  assert.equal(ofClient.out + undelivered.S, session.S.bytes, `${name}: written to the client`);
}

/** What is left of a socket's bytes without our own and those of TLS. */
function protocolBytes(leg: LegRecord): { readonly in: number; readonly out: number } {
  const overhead = leg.tls ?? { overhead_in: 0, overhead_out: 0 };
  assert.ok(overhead.overhead_in >= 0 && overhead.overhead_out >= 0, JSON.stringify(leg));
  return {
    in: leg.bytes_in - leg.own_in - overhead.overhead_in,
    out: leg.bytes_out - leg.own_out - overhead.overhead_out,
  };
}

/** Each socket operation of an ended session that negotiated nothing was booked once. */
export function assertOperationsBooked(session: SessionRecord): void {
  const { client, server } = session.wire;
  if (client.own_in > 0 || client.own_out > 0 || server.own_in > 0 || server.own_out > 0) return;
  assert.deepEqual(
    [session.R.reads, session.R.writes, session.S.reads, session.S.writes],
    [client.reads, server.writes, server.reads, client.writes],
    `session ${session.id}: reads and writes`,
  );
}

/** The cumulative figures by fingerprint are those of all statements, when all have ended. */
export function assertFingerprinted(report: ReportRecord): void {
  const { sessions, statements, dropped } = report;
  const seen = sessions.reduce((sum, session) => sum + session.statement_count, dropped.statements);
  const counted = statements.reduce((sum, { calls, prepares }) => sum + calls + prepares, 0);
  const skipped = statements.reduce((sum, { outcomes }) => sum + outcomes.aborted, 0);
  assert.ok(counted <= seen && counted >= seen - skipped, 'calls and prepares of all fingerprints');
  if (dropped.statements === 0 && sessions.every((session) => session.dropped.statements === 0)) {
    const unanswered = sessions
      .flatMap((session) => session.statements)
      .filter(({ outcome, S }) => outcome === 'aborted' && S.messages === 0);
    assert.equal(counted, seen - unanswered.length, 'calls and prepares, but for what was never answered');
  }
  const ended = statements.reduce((sum, { outcomes }) => sum + sumOfValues(outcomes), 0);
  assert.equal(ended, seen, 'outcomes of all fingerprints');
  if (dropped.sessions > 0) return;
  for (const direction of ['R', 'S'] as const) {
    assert.deepEqual(
      sumOf(statements.map((statement) => statement[direction])),
      sumOf(sessions.map(({ accounts }) => flowOf(accounts.statement, direction))),
      `figures of all fingerprints, ${direction}`,
    );
  }
}

function sumOfValues(numbers: Readonly<Record<string, number>>): number {
  return Object.values(numbers).reduce((sum, number) => sum + number, 0);
}

function flowOf(account: AccountRecord, direction: 'R' | 'S'): FlowRecord {
  const { messages, reads, writes } = account;
  return {
    bytes: account[direction],
    messages: messages[direction],
    reads: reads[direction],
    writes: writes[direction],
  };
}

export function sumOf(flows: readonly FlowRecord[]): FlowRecord {
  const sum = { bytes: 0, messages: 0, reads: 0, writes: 0 };
  for (const flow of flows) {
    sum.bytes += flow.bytes;
    sum.messages += flow.messages;
    sum.reads += flow.reads;
    sum.writes += flow.writes;
  }
  return sum;
}
