import { Statement, type Outcome, type StatementKind } from '../../src/session/statement.ts';

export interface FinishedStatement {
  readonly kind?: StatementKind;
  readonly query?: string | null;
  readonly truncated?: boolean;
  readonly outcome?: Outcome;
  readonly bytesR?: number;
  readonly bytesS?: number;
  readonly rows?: number;
  readonly startedAtMs?: number;
  readonly firstByteMs?: number;
  readonly durationMs?: number;
}

let statements = 0;

/** A statement whose figures are final, as a session would hand it out. */
export function finishedStatement(facts: FinishedStatement = {}): Statement {
  const {
    query = 'select 1',
    bytesR = 17,
    bytesS = 61,
    startedAtMs = 1000,
    firstByteMs = 1,
    durationMs = 2,
  } = facts;
  statements += 1;
  const text =
    query === null ? null : { text: query, bytes: query.length, truncated: facts.truncated ?? false };
  const statement = new Statement(statements, facts.kind ?? 'query', text);
  Object.assign(statement.R, { bytes: bytesR, messages: 1, reads: 1, writes: 1, firstAt: startedAtMs });
  statement.R.lastAt = startedAtMs;
  Object.assign(statement.S, {
    bytes: bytesS,
    messages: 4,
    reads: 1,
    writes: 1,
    firstAt: startedAtMs + firstByteMs,
  });
  statement.S.lastAt = startedAtMs + durationMs;
  statement.endedAt = startedAtMs + durationMs;
  statement.outcome = facts.outcome ?? 'ok';
  if (facts.rows !== undefined) statement.complete(`SELECT ${facts.rows}`, facts.rows);
  return statement;
}
