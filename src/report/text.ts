import { escapeCell, escapeLine } from './escape.ts';
import { certificateLines, kernelRemarks } from './kernel_text.ts';
import { flowLines, formatEndpoint, queryText } from './flow_lines.ts';
import type {
  CancelRecord,
  FingerprintRecord,
  FlowRecord,
  LostThreadRecord,
  ReportRecord,
  SessionRecord,
  TlsRecord,
} from './model.ts';
import { groupStatements, type StatementGroup } from './statement_group.ts';
import { type Column, tableLines } from './table.ts';
import { formatBytes, formatDuration } from './units.ts';

/** Separates the live blocks from the sums over sessions, as it always has. */
export const END_LINE = '----------END----------';

/** Rows of a table of the largest. */
const TOP = 20;

/** A leg of a session with TLS of our own. */
interface SecureLeg {
  readonly session: SessionRecord;
  readonly leg: 'client' | 'server';
  readonly tls: TlsRecord;
}

const SESSION_COLUMNS: readonly Column<SessionRecord>[] = [
  { name: 'session', align: 'right', cell: ({ id }) => String(id) },
  { name: 'client', align: 'left', cell: ({ client }) => formatEndpoint(client), max: 21, cut: 'start' },
  { name: 'user@database', align: 'left', cell: userAtDatabase, max: 18 },
  { name: 'R', align: 'right', cell: ({ R }) => formatBytes(R.bytes) },
  { name: 'S', align: 'right', cell: ({ S }) => formatBytes(S.bytes) },
  { name: 'active', align: 'right', cell: ({ time }) => formatDuration(time.active_us) },
  { name: 'idle', align: 'right', cell: ({ time }) => formatDuration(time.idle_us) },
  { name: 'c-wait', align: 'right', cell: ({ time }) => formatDuration(time.client_wait_us) },
  { name: 'c-stall', align: 'right', cell: ({ time }) => formatDuration(time.client_stall_us) },
  { name: 's-stall', align: 'right', cell: ({ time }) => formatDuration(time.server_stall_us) },
  { name: 'books', align: 'left', cell: booksCell },
];

/** With what the kernel says, where it was asked. */
const SESSION_KERNEL_COLUMNS: readonly Column<SessionRecord>[] = [
  ...SESSION_COLUMNS,
  { name: 'kernel', align: 'left', cell: ({ kernel }) => kernel.verdict },
];

const LEG_COLUMNS: readonly Column<SecureLeg>[] = [
  { name: 'session', align: 'right', cell: ({ session }) => String(session.id) },
  { name: 'leg', align: 'left', cell: ({ leg }) => leg },
  { name: 'protocol', align: 'left', cell: ({ tls }) => tls.protocol ?? '-' },
  { name: 'cipher', align: 'left', cell: ({ tls }) => tls.cipher ?? '-' },
  { name: 'in', align: 'right', cell: ({ tls }) => formatBytes(tls.overhead_in) },
  { name: 'out', align: 'right', cell: ({ tls }) => formatBytes(tls.overhead_out) },
  { name: 'records-in', align: 'right', cell: ({ tls }) => String(tls.records_in ?? '-') },
  { name: 'records-out', align: 'right', cell: ({ tls }) => String(tls.records_out ?? '-') },
];

const STATEMENT_COLUMNS: readonly Column<StatementGroup>[] = [
  { name: 'session', align: 'right', cell: ({ session }) => String(session.id) },
  { name: 'seq', align: 'right', cell: ({ first }) => String(first.seq) },
  { name: 'times', align: 'right', cell: ({ count }) => String(count) },
  { name: 'kind', align: 'left', cell: ({ first }) => first.kind },
  { name: 'outcome', align: 'left', cell: ({ first }) => first.outcome },
  { name: 'rows', align: 'right', cell: ({ rows }) => String(rows ?? '-') },
  { name: 'R', align: 'right', cell: ({ R }) => formatBytes(R.bytes) },
  { name: 'S', align: 'right', cell: ({ S }) => formatBytes(S.bytes) },
  { name: 'duration', align: 'right', cell: ({ elapsedUs }) => formatDuration(elapsedUs) },
  { name: 'c-wait', align: 'right', cell: ({ clientWaitUs }) => formatDuration(clientWaitUs) },
  { name: 'c-stall', align: 'right', cell: ({ clientStallUs }) => formatDuration(clientStallUs) },
  { name: 's-stall', align: 'right', cell: ({ serverStallUs }) => formatDuration(serverStallUs) },
  { name: 'query', align: 'left', cell: ({ first }) => queryText(first, escapeCell) },
];

const SINGLE_STATEMENT_COLUMNS = STATEMENT_COLUMNS.filter(({ name }) => name !== 'times');

const FINGERPRINT_COLUMNS: readonly Column<FingerprintRecord>[] = [
  { name: 'calls', align: 'right', cell: ({ calls }) => String(calls) },
  { name: 'errors', align: 'right', cell: ({ errors }) => String(errors) },
  { name: 'rows', align: 'right', cell: ({ rows }) => String(rows) },
  { name: 'trips', align: 'right', cell: ({ roundtrips }) => String(roundtrips) },
  { name: 'R', align: 'right', cell: ({ R }) => formatBytes(R.bytes) },
  { name: 'S', align: 'right', cell: ({ S }) => formatBytes(S.bytes) },
  { name: 'total', align: 'right', cell: ({ total_us }) => formatDuration(total_us) },
  { name: 'p95', align: 'right', cell: ({ duration_us }) => formatDuration(duration_us.p95) },
  { name: 'c-wait', align: 'right', cell: ({ client_wait_us }) => formatDuration(client_wait_us) },
  { name: 'c-stall', align: 'right', cell: ({ client_stall_us }) => formatDuration(client_stall_us) },
  { name: 's-stall', align: 'right', cell: ({ server_stall_us }) => formatDuration(server_stall_us) },
  { name: 'query', align: 'left', cell: fingerprintCell },
];

function fingerprintCell({ fingerprint, query }: FingerprintRecord): string {
  return fingerprint === null ? '(other)' : query === null ? fingerprint : escapeCell(query);
}

const CANCEL_COLUMNS: readonly Column<CancelRecord>[] = [
  { name: 'session', align: 'right', cell: ({ session }) => String(session ?? '-') },
  { name: 'seq', align: 'right', cell: ({ statement }) => String(statement ?? '-') },
  { name: 'client', align: 'left', cell: ({ client }) => formatEndpoint(client), max: 21, cut: 'start' },
  { name: 'outcome', align: 'left', cell: ({ outcome }) => outcome },
  {
    name: 'effect',
    align: 'right',
    cell: ({ effect_us }) => (effect_us === null ? '-' : formatDuration(effect_us)),
  },
  {
    name: 'S-after',
    align: 'right',
    cell: ({ bytes_after }) => (bytes_after === null ? '-' : formatBytes(bytes_after)),
  },
  { name: 'delivery', align: 'left', cell: delivery },
];

const LEGEND = [
  "R: client to server; S: server to client; active, idle: it was the server's turn, or the client's;",
  'c-wait: idle within a statement; c-stall: the client did not take what was sent to it; s-stall: the server did not',
];

/** The report for people: the lines that scripts have parsed since 2013, then tables. Yields whole lines. */
export function* renderText(report: ReportRecord): Generator<string> {
  const { sessions } = report;
  yield `${END_LINE}\n`;
  for (const session of sessions) {
    const { client, server, R, S, time } = session;
    yield* lines(flowLines({ client, server, R, S, us: time.active_us }));
  }
  if (sessions.length > 0) {
    // What does not balance, or does not match, is shown, however small.
    const shown = sessions.filter(
      ({ balanced, kernel }, index) => index < TOP || !balanced || kernel.verdict === 'mismatch',
    );
    yield* lines(['', ...LEGEND, '', `sessions by bytes (${countOf(shown, sessions)})`]);
    const columns = report.kernel === null ? SESSION_COLUMNS : SESSION_KERNEL_COLUMNS;
    const entrances = severalListeners(sessions) ? newEntrances(shown) : new Set<SessionRecord>();
    yield* lines(
      withRemarks(tableLines(columns, shown), shown, (session) => remarks(session, entrances.has(session))),
    );
  }
  yield* top(
    'TLS overhead',
    LEG_COLUMNS,
    secureLegs(sessions),
    ({ tls }) => tls.overhead_in + tls.overhead_out,
  );
  yield* statementTable(sessions.flatMap(groupStatements));
  yield* top('normalized statements', FINGERPRINT_COLUMNS, report.statements, bothBytes);
  yield* latestCancels(report.cancels);
  yield* lines(['', ...totalLines(report)]);
  if (report.kernel !== null) yield* lines(['', ...certificateLines(report.kernel)]);
}

function* lines(all: readonly string[]): Generator<string> {
  for (const line of all) yield `${line}\n`;
}

function* top<Row>(
  what: string,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  bytes: (row: Row) => number,
): Generator<string> {
  if (rows.length === 0) return;
  const largest = rows.toSorted((a, b) => bytes(b) - bytes(a)).slice(0, TOP);
  yield* lines(['', `${what} by bytes (${countOf(largest, rows)})`, ...tableLines(columns, largest)]);
}

function* statementTable(groups: readonly StatementGroup[]): Generator<string> {
  if (groups.some(({ count }) => count > 1))
    yield* top('statements, equal ones of a session on one line,', STATEMENT_COLUMNS, groups, bothBytes);
  else yield* top('statements', SINGLE_STATEMENT_COLUMNS, groups, bothBytes);
}

function countOf(shown: readonly unknown[], all: readonly unknown[]): string {
  return shown.length < all.length ? `${shown.length} of ${all.length}` : String(all.length);
}

function* latestCancels(cancels: readonly CancelRecord[]): Generator<string> {
  if (cancels.length === 0) return;
  const latest = cancels.slice(-TOP);
  const count =
    latest.length < cancels.length
      ? `the last ${latest.length} of ${cancels.length}`
      : String(cancels.length);
  yield* lines([
    '',
    `cancel requests (${count})`,
    ...withRemarks(tableLines(CANCEL_COLUMNS, latest), latest, cancelRemarks),
  ]);
}

/** Below the line of each row what there is to remark about it, a sentence each. */
function withRemarks<Row>(
  table: readonly string[],
  rows: readonly Row[],
  remarksOf: (row: Row) => string[],
): string[] {
  // The table's first line is its header.
  return table.flatMap((line, at) => {
    if (at === 0) return [line];
    return [line, ...remarksOf(rows[at - 1]!).map((remark) => `        ${remark}`)];
  });
}

/** Why the backend did not react. */
function cancelRemarks({ diagnosis }: CancelRecord): string[] {
  if (diagnosis === null) return [];
  const { pid, verdict, sentence, advice, facts } = diagnosis;
  return [`backend ${pid}, ${verdict}: ${sentence}`, `advice: ${advice}`, ...facts].map(escapeLine);
}

/** There is more than one door that a client can have come through. */
function severalListeners(sessions: readonly SessionRecord[]): boolean {
  return new Set(sessions.map(({ listener }) => listener)).size > 1;
}

/** The sessions that came through another door than the one in the line above. */
function newEntrances(sessions: readonly SessionRecord[]): ReadonlySet<SessionRecord> {
  const isNew = ({ listener, upstream }: SessionRecord, above: SessionRecord | undefined): boolean =>
    listener !== above?.listener || upstream !== above.upstream;
  return new Set(sessions.filter((session, at) => isNew(session, sessions[at - 1])));
}

function secureLegs(sessions: readonly SessionRecord[]): SecureLeg[] {
  return sessions.flatMap((session) =>
    (['client', 'server'] as const).flatMap((leg) => {
      const { tls } = session.wire[leg];
      return tls === null ? [] : [{ session, leg, tls }];
    }),
  );
}

/** A session ended badly, does not balance or was not kept whole. */
function remarks(session: SessionRecord, withListener: boolean): string[] {
  const { imbalances, end_reason, end_detail, dropped, listener, upstream } = session;
  const found = imbalances.map((sentence) => `UNBALANCED: ${sentence}`);
  if (withListener && listener !== null) found.push(escapeLine(`through ${listener} to ${upstream ?? '-'}`));
  if (end_reason === 'aborted' || end_reason === 'refused' || end_detail !== null) {
    const detail = end_detail === null ? '' : `: ${escapeLine(end_detail)}`;
    found.push(`${end_reason ?? 'open'}${detail}`);
  }
  if (dropped.statements > 0) {
    found.push(
      `${dropped.statements} statements not kept: ` +
        `R ${formatBytes(dropped.R.bytes)}, S ${formatBytes(dropped.S.bytes)}`,
    );
  }
  found.push(...kernelRemarks(session.kernel));
  return found;
}

const KNOWN_OF_LOST: Readonly<Record<LostThreadRecord['figures'], string>> = {
  complete: 'its figures are complete',
  last_known: 'its figures are those that it told last',
  none: 'its figures are lost',
};

function totalLines({ totals, dropped, sessions, cancels, refused, lost_threads }: ReportRecord): string[] {
  const unbalanced = dropped.unbalanced + sessions.filter(({ balanced }) => !balanced).length;
  const found = [
    `total R: ${flowFigures(totals.R)}`,
    `total S: ${flowFigures(totals.S)}`,
    `sessions: ${sessions.length + dropped.sessions}, unbalanced: ${unbalanced}`,
  ];
  if (cancels.length + dropped.cancels > 0) {
    const undelivered = cancels.filter(({ delivered_at }) => delivered_at === null).length;
    found.push(
      `cancel requests: ${cancels.length + dropped.cancels}, of those listed undelivered: ${undelivered}`,
    );
  }
  if (refused.connections + refused.cancels > 0) {
    found.push(
      `refused, for a limit was reached: ${refused.connections} connections, ${refused.cancels} cancel requests`,
    );
  }
  for (const { thread, at, reason, figures } of lost_threads) {
    found.push(`lost: relay thread ${thread} at ${at}, ${reason}; ${KNOWN_OF_LOST[figures]}`);
  }
  if (dropped.sessions > 0) {
    found.push(
      `dropped (in the totals, not listed): ${dropped.sessions} sessions, ${dropped.statements} statements, ` +
        `R ${formatBytes(dropped.R.bytes)}, S ${formatBytes(dropped.S.bytes)}`,
    );
  }
  return found;
}

function flowFigures({ bytes, messages, reads, writes }: FlowRecord): string {
  return `${bytes} bytes (${formatBytes(bytes)}), ${messages} messages, ${reads} reads, ${writes} writes`;
}

function booksCell({ balanced, accounting }: SessionRecord): string {
  if (!balanced) return 'UNBALANCED';
  return accounting === 'off' ? 'off' : 'balanced';
}

function bothBytes({ R, S }: { readonly R: { bytes: number }; readonly S: { bytes: number } }): number {
  return R.bytes + S.bytes;
}

function delivery({ delivery_us, error }: CancelRecord): string {
  if (delivery_us !== null) return `after ${formatDuration(delivery_us)}`;
  return error === null ? 'under way' : escapeCell(error);
}

/** Who a session is, on one line. */
export function userAtDatabase({ user, database }: SessionRecord): string {
  return escapeLine(user === null && database === null ? '-' : `${user ?? '-'}@${database ?? '-'}`);
}
