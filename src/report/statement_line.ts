import type { QueryTexts } from '../account/query_texts.ts';
import type { Session } from '../session/session.ts';
import type { Statement } from '../session/statement.ts';
import type { SessionIdentity, StatementRecord } from './model.ts';
import { sessionIdentity, statementRecord } from './session_record.ts';
import type { SteadyClock } from './steady_clock.ts';

/** A statement as in the report, and whose it is. */
export interface StatementLine extends SessionIdentity, StatementRecord {
  /** The session's id. */
  session: number;
}

/** Of a statement whose figures are final. */
export function statementLine(
  session: Session,
  statement: Statement,
  clock: SteadyClock,
  texts: QueryTexts,
): StatementLine {
  return {
    session: session.id,
    ...sessionIdentity(session),
    ...statementRecord(statement, session.wire.server, clock, texts),
  };
}
