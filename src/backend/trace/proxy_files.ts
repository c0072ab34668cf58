import type { StatementLogRecord } from '../../export/statement_log.ts';
import type { StatementRecord } from '../../report/model.ts';
import { notWanted, parseReport, readInputFile, REPORT, STATEMENT_LOG } from '../../run/input_file.ts';
import type { ProxySession, ProxyStatement } from './proxy_statements.ts';

/** What a proxy's files say of its sessions. */
export interface ProxyBooks {
  readonly sessions: readonly ProxySession[];
  readonly statements: readonly ProxyStatement[];
}

/**
 * Reads a proxy's JSON report.
 *
 * @throws {InputFileError}
 */
export async function readReport(file: string): Promise<ProxyBooks> {
  const { sessions } = parseReport(file, await readInputFile(file, REPORT));
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
 * @throws {InputFileError}
 */
export async function readStatementLog(file: string): Promise<ProxyBooks> {
  const text = await readInputFile(file, STATEMENT_LOG);
  const lines = text.split('\n').slice(0, -1);
  const records = lines.map((line, at): StatementLogRecord => {
    const record = parseLine(line);
    if (!isStatementLogRecord(record))
      throw notWanted(file, STATEMENT_LOG, text, `line ${at + 1} tells of no statement`);
    return record;
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

/** @returns undefined for what is no JSON */
function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function isStatementLogRecord(value: unknown): value is StatementLogRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { session, seq, time }: { [Name in keyof StatementLogRecord]?: unknown } = value;
  return typeof session === 'number' && typeof seq === 'number' && typeof time === 'object' && time !== null;
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
