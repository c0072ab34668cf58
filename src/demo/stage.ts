import type { ReportRecord, StatementRecord } from '../report/model.ts';
import { escapeCell } from '../report/escape.ts';
import { formatBytes, formatDuration } from '../report/units.ts';

const QUERY_CHARACTERS = 40;

/** How far the experiment is, in one line, from the books as they stand. */
export function describeStage(report: ReportRecord | null, elapsedMs: number): string {
  const elapsed = formatDuration(Math.round(elapsedMs) * 1000);
  if (report === null) return `${elapsed}: starting PostgreSQL`;
  const open = report.sessions
    .flatMap(({ statements }) => statements)
    .filter(({ outcome, time }) => outcome === 'open' || time.duration_us === null)
    .toSorted((a, b) => bytes(b) - bytes(a));
  const [largest] = open;
  return largest === undefined ? elapsed : `${elapsed}: ${describe(largest)}`;
}

function describe(statement: StatementRecord): string {
  const query = escapeCell(statement.query ?? '').slice(0, QUERY_CHARACTERS);
  const rows = statement.rows === null ? '' : `, ${statement.rows} rows`;
  return `${query}${rows}, ${formatBytes(bytes(statement))}`;
}

function bytes({ R, S }: StatementRecord): number {
  return R.bytes + S.bytes;
}
