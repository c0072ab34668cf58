import { readFile } from 'node:fs/promises';
import { REPORT_SCHEMA } from '../../report/model.ts';
import { describeError } from '../../run/describe_error.ts';

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
 * @throws {SessionBackendError} when the file is no such report, or its session has no backend (any more)
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
  let parsed: unknown;
  try {
    parsed = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new SessionBackendError(
      error instanceof SyntaxError
        ? `${file} is no JSON report: start the proxy with --report json`
        : `cannot read the report: ${describeError(error)}`,
      error,
    );
  }
  if (!isRecord(parsed) || parsed['schema'] !== REPORT_SCHEMA)
    throw new SessionBackendError(`${file} is no report of pgnetflow: its schema is not ${REPORT_SCHEMA}`);
  return parsed;
}

function listIn(record: Record<string, unknown>, name: string): Record<string, unknown>[] {
  const list = record[name];
  return Array.isArray(list) ? list.filter(isRecord) : [];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
