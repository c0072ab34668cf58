import type { ReportRecord } from './model.ts';

/** A report lacks what is worked with. */
export class UnreadableReport extends Error {
  readonly code = 'PGNETFLOW_UNREADABLE_REPORT';

  constructor(problem: string) {
    super(problem);
    this.name = 'UnreadableReport';
  }
}

type Kind = 'number' | 'string' | 'object' | 'list';

/** Members without which the sockets of a session cannot be compared with anything. */
const SESSION_MEMBERS: readonly (readonly [path: string, kind: Kind])[] = [
  ['id', 'number'],
  ['client.address', 'string'],
  ['client.port', 'number'],
  ['started_at', 'string'],
  ['R.messages', 'number'],
  ['S.messages', 'number'],
  ...(['client', 'server'] as const).flatMap((leg) =>
    (['bytes_in', 'bytes_out', 'reads', 'writes', 'deferred'] as const).map(
      (name) => [`wire.${leg}.${name}`, 'number'] as const,
    ),
  ),
  ['wire.client', 'object'],
  ['undelivered.R', 'number'],
  ['undelivered.S', 'number'],
  ['statements', 'list'],
];

const STATEMENT_MEMBERS: readonly (readonly [path: string, kind: Kind])[] = [
  ['seq', 'number'],
  ['R.bytes', 'number'],
  ['R.writes', 'number'],
  ['S.bytes', 'number'],
  ['S.reads', 'number'],
  ['stream', 'object'],
];

/**
 * Takes a value whose schema is that of a report for one, once it has all that is worked with.
 *
 * @throws {UnreadableReport} saying what is missing, and where
 */
export function checkReport(value: unknown): ReportRecord {
  const sessions = memberAt(value, 'sessions');
  if (!Array.isArray(sessions)) throw new UnreadableReport('it has no list of sessions');
  requireMembers(value, 'the report', [
    ['ended_at', 'string'],
    ['dropped.sessions', 'number'],
  ]);
  for (const [index, session] of sessions.entries()) {
    requireMembers(session, `sessions[${index}]`, SESSION_MEMBERS);
    const statements = memberAt(session, 'statements');
    if (!Array.isArray(statements)) continue;
    for (const [at, statement] of statements.entries())
      requireMembers(statement, `sessions[${index}].statements[${at}]`, STATEMENT_MEMBERS);
  }
  // All that is worked with has been looked at.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return value as ReportRecord;
}

function requireMembers(
  value: unknown,
  where: string,
  members: readonly (readonly [path: string, kind: Kind])[],
): void {
  for (const [path, kind] of members) {
    if (kindOf(memberAt(value, path)) === kind) continue;
    throw new UnreadableReport(
      `${where} has no ${path}; was the report written by an older version of pgnetflow, or changed since?`,
    );
  }
}

function memberAt(value: unknown, path: string): unknown {
  let at = value;
  for (const name of path.split('.')) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = Reflect.get(at, name);
  }
  return at;
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'list';
  return value === null ? 'null' : typeof value;
}
