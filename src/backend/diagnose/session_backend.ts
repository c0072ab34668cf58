import { parseReport, readInputFile, REPORT } from '../../run/input_file.ts';

/** A report does not lead to a backend. */
export class SessionBackendError extends Error {
  readonly code = 'PGNETFLOW_SESSION_BACKEND';

  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'SessionBackendError';
  }
}

/** The backend of an open session, and when it must have begun. */
export interface SessionBackend {
  readonly pid: number;
  readonly startedBetweenMs: readonly [number, number];
}

/**
 * Finds the backend of a session in a JSON report.
 *
 * @throws {InputFileError} when the file is no such report
 * @throws {SessionBackendError} when its session has no backend (any more)
 */
export async function sessionBackend(session: number, reportFile: string): Promise<SessionBackend> {
  const { sessions, ended_at: reportedAt } = parseReport(reportFile, await readInputFile(reportFile, REPORT));
  const found = sessions.find(({ id }) => id === session);
  if (found === undefined)
    throw new SessionBackendError(`${reportFile} has no session ${session}; take a new report (kill -USR1)`);
  const { backend_pid: pid, started_at: startedAt, ended_at: endedAt } = found;
  if (endedAt !== null) throw new SessionBackendError(`session ${session} ended at ${endedAt}`);
  if (pid === null)
    throw new SessionBackendError(`session ${session} has no backend: its log-in did not come to its end`);
  return { pid, startedBetweenMs: [Date.parse(startedAt), Date.parse(reportedAt)] };
}
