import { readFile } from 'node:fs/promises';
import type { StatementLogRecord } from '../../export/statement_log.ts';
import { REPORT_SCHEMA, type ReportRecord, type StatementRecord } from '../../report/model.ts';
import type { ProxySession, ProxyStatement } from './proxy_statements.ts';
import { TraceError } from './trace_error.ts';

/** What a proxy's files say of its sessions. */
export interface ProxyBooks {
  readonly sessions: readonly ProxySession[];
  readonly statements: readonly ProxyStatement[];
}

/**
 * Reads a proxy's JSON report.
 *
 * @throws {TraceError} `TRACE_BAD_REPORT`
 */
export async function readReport(file: string): Promise<ProxyBooks> {
  const text = await readText(file);
  let report: Partial<ReportRecord>;
  try {
    report = JSON.parse(text);
  } catch (cause) {
    throw badFile(file, 'is no JSON; write it with --report json --report-file', cause);
  }
  if (report.schema !== REPORT_SCHEMA || report.sessions === undefined) {
    throw badFile(file, `is no report of pgnetflow (its schema is not ${REPORT_SCHEMA})`);
  }
  const { sessions } = report;
  return {
    sessions: sessions.map((session) => ({
      id: session.id,
      backendPid: session.backend_pid,
      hasEnded: session.ended_at !== null,
    })),
    statements: sessions.flatMap((session) =>
      session.statements.flatMap((one) => proxyStatement(session.id, session.backend_pid, one)),
    ),
  };
}

/**
 * Reads a proxy's statement log. A last line that is still being written is left out.
 *
 * @throws {TraceError} `TRACE_BAD_REPORT`
 */
export async function readStatementLog(file: string): Promise<ProxyBooks> {
  const lines = (await readText(file)).split('\n').slice(0, -1);
  const records = lines.map((line, at): StatementLogRecord => {
    try {
      return JSON.parse(line);
    } catch (cause) {
      throw badFile(file, `line ${at + 1} is no JSON: it is no statement log`, cause);
    }
  });
  const sessions = new Map<number, ProxySession>();
  for (const { session: id, backend_pid: backendPid } of records) {
    sessions.set(id, { id, backendPid, hasEnded: false });
  }
  return {
    sessions: [...sessions.values()],
    statements: records.flatMap((record) => proxyStatement(record.session, record.backend_pid, record)),
  };
}

function proxyStatement(
  session: number,
  backendPid: number | null,
  { seq, query, time }: StatementRecord,
): ProxyStatement[] {
  if (backendPid === null) return [];
  const startedUs = Date.parse(time.started_at) * 1000;
  const endedUs = time.duration_us === null ? Infinity : startedUs + time.duration_us;
  return [{ backendPid, session, seq, query, startedUs, endedUs }];
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw badFile(file, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function badFile(file: string, problem: string, cause?: unknown): TraceError {
  return new TraceError('TRACE_BAD_REPORT', `cannot use ${file}: ${problem}`, { cause });
}
