import { readFile } from 'node:fs/promises';
import { parseReport, REPORT, unreadable } from '../../run/input_file.ts';

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
  const report = await readReport(reportFile);
  const found = listIn(report, 'sessions').find((one) => one['id'] === session);
  if (found === undefined)
    throw new SessionBackendError(`${reportFile} has no session ${session}; take a new report (kill -USR1)`);
  const pid = found['backend_pid'];
  if (typeof found['ended_at'] === 'string')
    throw new SessionBackendError(`session ${session} ended at ${found['ended_at']}`);
  if (typeof pid !== 'number')
    throw new SessionBackendError(`session ${session} has no backend: its log-in did not come to its end`);
  return {
    pid,
    startedBetweenMs: [Date.parse(String(found['started_at'])), Date.parse(String(report['ended_at']))],
  };
}

async function readReport(file: string): Promise<Record<string, unknown>> {
  try {
    return { ...parseReport(file, await readFile(file, 'utf8')) };
  } catch (cause) {
    throw unreadable(file, REPORT, cause);
  }
}

function listIn(record: Record<string, unknown>, name: string): Record<string, unknown>[] {
  const list = record[name];
  return Array.isArray(list) ? list.filter(isRecord) : [];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
