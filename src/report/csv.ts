import { CSV_COLUMNS, type CsvRow, type CsvValue } from './csv_columns.ts';
import type { AccountRecord, FlowRecord, ReportRecord, SessionRecord } from './model.ts';

const CRLF = '\r\n';

/**
 * The report for spreadsheets (RFC 4180): a row per statement, and rows for whatever else was booked, so that each of
 * the eight columns of figures (`R_bytes` … `S_writes`) sums to the report's totals. Yields a row at a time.
 */
export function* renderCsv(report: ReportRecord): Generator<string> {
  yield CSV_COLUMNS.map(({ name }) => name).join(',') + CRLF;
  for (const row of csvRows(report)) {
    yield CSV_COLUMNS.map(({ value }) => csvCell(value(row))).join(',') + CRLF;
  }
}

function* csvRows(report: ReportRecord): Generator<CsvRow> {
  for (const session of report.sessions) yield* sessionRows(session);
  const { sessions, statements, R, S } = report.dropped;
  if (sessions > 0) yield { session: null, kind: 'dropped', statement: null, statements, R, S };
}

function* sessionRows(session: SessionRecord): Generator<CsvRow> {
  const { accounts, dropped } = session;
  for (const kind of ['startup', 'async', 'control', 'opaque'] as const) {
    const R = accountFlow(accounts[kind], 'R');
    const S = accountFlow(accounts[kind], 'S');
    // A session has at least the row of its startup, empty or not.
    if (kind === 'startup' || !empty(R) || !empty(S)) {
      yield { session, kind, statement: null, statements: 0, R, S };
    }
  }
  for (const statement of session.statements) {
    const { kind, R, S } = statement;
    yield { session, kind, statement, statements: 1, R, S };
  }
  const { statements, R, S } = dropped;
  if (statements > 0) yield { session, kind: 'dropped', statement: null, statements, R, S };
}

function accountFlow(account: AccountRecord, direction: 'R' | 'S'): FlowRecord {
  return {
    bytes: account[direction],
    messages: account.messages[direction],
    reads: account.reads[direction],
    writes: account.writes[direction],
  };
}

function empty({ bytes, messages, reads, writes }: FlowRecord): boolean {
  return bytes + messages + reads + writes === 0;
}

/**
 * A spreadsheet runs a cell that begins with one of these as a formula, and query texts come from anyone. Such a cell
 * gets an apostrophe in front. So does one that has apostrophes before such a character already: a reader that takes
 * one apostrophe off every cell that matches this has the text back as it was.
 */
const FORMULA = /^'*[=+\-@\t\r\n＝＋－＠]/;

/** One cell: null is empty, text is guarded against being run as a formula, and quoted where RFC 4180 needs it. */
export function csvCell(value: CsvValue): string {
  if (value === null) return '';
  if (typeof value !== 'string') return String(value);
  const guarded = FORMULA.test(value) ? `'${value}` : value;
  // An empty text is not the same as none.
  return guarded === '' || /[",\r\n]/.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded;
}
