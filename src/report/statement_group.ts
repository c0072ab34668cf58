import type { SessionRecord, StatementRecord } from './model.ts';

/** Statements of one session that have the same text, kind and outcome, added up. */
export interface StatementGroup {
  readonly session: SessionRecord;
  /** The first of them. */
  readonly first: StatementRecord;
  count: number;
  /** Null as long as none has any. */
  rows: number | null;
  R: { bytes: number };
  S: { bytes: number };
  elapsedUs: number;
  clientWaitUs: number;
  clientStallUs: number;
  serverStallUs: number;
}

/** Puts the equal statements of a session together, such as the many FETCHes from a cursor; in the order of the first. */
export function groupStatements(session: SessionRecord): StatementGroup[] {
  const groups: StatementGroup[] = [];
  const byText = new Map<string | null, StatementGroup[]>();
  for (const statement of session.statements) {
    const { query } = statement;
    const sameText = byText.get(query) ?? [];
    let group = sameText.find(({ first }) => isEqual(first, statement));
    if (group === undefined) {
      group = emptyGroup(session, statement);
      groups.push(group);
      sameText.push(group);
      byText.set(query, sameText);
    }
    add(group, statement);
  }
  return groups;
}

/** Two statements whose text, as much as was kept of it, is the same. */
function isEqual(one: StatementRecord, other: StatementRecord): boolean {
  return one.kind === other.kind && one.outcome === other.outcome && one.query_bytes === other.query_bytes;
}

function emptyGroup(session: SessionRecord, first: StatementRecord): StatementGroup {
  return {
    session,
    first,
    count: 0,
    rows: null,
    R: { bytes: 0 },
    S: { bytes: 0 },
    elapsedUs: 0,
    clientWaitUs: 0,
    clientStallUs: 0,
    serverStallUs: 0,
  };
}

function add(group: StatementGroup, { rows, R, S, time }: StatementRecord): void {
  group.count += 1;
  if (rows !== null) group.rows = (group.rows ?? 0) + rows;
  group.R.bytes += R.bytes;
  group.S.bytes += S.bytes;
  group.elapsedUs += time.elapsed_us;
  group.clientWaitUs += time.client_wait_us;
  group.clientStallUs += time.client_stall_us;
  group.serverStallUs += time.server_stall_us;
}
