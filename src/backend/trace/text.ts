import { escapeCell, escapeLine } from '../../report/escape.ts';
import { type Column, tableLines } from '../../report/table.ts';
import { formatDuration } from '../../report/units.ts';
import { CHECKPOINTER, type ClogCheck, type SlruCheck } from './check.ts';
import type { ProcessSummary, StatementSummary, SummaryRecord } from './summary.ts';
import { pagesOf, type Tally } from './tally.ts';

/** Rows of the table of statements; the rest is one line. */
const MOST_STATEMENTS = 30;

const FIGURES: readonly Column<Tally>[] = [
  { name: 'fsyncs', align: 'right', cell: ({ fsyncs }) => String(fsyncs) },
  { name: 'in-fsync', align: 'right', cell: ({ fsync_us: us }) => formatDuration(us) },
  { name: 'of-WAL', align: 'right', cell: ({ wal_fsyncs: fsyncs }) => String(fsyncs) },
  { name: 'opens', align: 'right', cell: ({ opens }) => String(opens) },
  { name: 'pages', align: 'right', cell: (tally) => String(pagesOf(tally)) },
];

const STATEMENTS: readonly Column<StatementSummary>[] = [
  { name: 'who', align: 'left', cell: ({ who }) => escapeLine(who), max: 20 },
  { name: 'pid', align: 'right', cell: ({ pid }) => String(pid ?? '-') },
  {
    name: 'session',
    align: 'right',
    cell: ({ session, seq }) => (session === null ? '-' : `${session}:${seq}`),
  },
  { name: 'calls', align: 'right', cell: ({ calls }) => String(calls) },
  ...FIGURES,
  { name: 'statement', align: 'left', cell: ({ query }) => (query === null ? '-' : escapeCell(query)) },
];

const PROCESSES: readonly Column<ProcessSummary>[] = [
  { name: 'who', align: 'left', cell: ({ who }) => escapeLine(who) },
  { name: 'processes', align: 'right', cell: ({ processes }) => String(processes) },
  ...FIGURES,
  { name: 'SLRU pages', align: 'left', cell: ({ slru_pages: pages }) => counts(pages) },
];

const SLRU: readonly Column<SlruCheck>[] = [
  { name: 'SLRU', align: 'left', cell: ({ slru }) => slru },
  { name: 'pages', align: 'right', cell: ({ pages }) => String(pages) },
  { name: 'different', align: 'right', cell: ({ different_pages: pages }) => String(pages) },
  { name: 'begun', align: 'right', cell: ({ new_pages: pages }) => String(pages) },
  { name: 'pg_stat_slru', align: 'right', cell: ({ server_pages: pages }) => String(pages ?? '-') },
  { name: 'verdict', align: 'left', cell: ({ verdict }) => verdict },
  { name: 'written by', align: 'left', cell: ({ by }) => counts(by) },
];

/** The report for people; `queries` are escaped, no line is wider than a terminal of 120 columns. */
export function renderTrace(summary: SummaryRecord): string {
  const { statements, totals } = summary;
  const shown = statements.slice(0, MOST_STATEMENTS);
  const more = statements.length - shown.length;
  const lines = [
    `statements by time in fsync (${statements.length})`,
    ...tableLines(STATEMENTS, shown),
    ...(more > 0 ? [`… and ${more} more: --json has all`] : []),
    '',
    'by whom',
    ...tableLines(PROCESSES, summary.by),
    '',
    ...(summary.slru.length > 0
      ? ['SLRU pages written', ...tableLines(SLRU, summary.slru), '']
      : ['no SLRU page was written or begun', '']),
    ...checkSentences(summary),
    `total: ${totals.fsyncs} fsyncs (${totals.wal_fsyncs} of WAL) in ${formatDuration(totals.fsync_us)}, ` +
      `${totals.opens} opens, ${pagesOf(totals)} SLRU pages, ${totals.failed} failed; ` +
      `traced for ${formatDuration(summary.duration_us)}`,
    ...doubts(summary),
  ];
  return `${lines.join('\n')}\n`;
}

/** Why the figures may be too small. */
function doubts({ lost, damaged, damaged_lines: lines, missing }: SummaryRecord): string[] {
  return [
    ...(lost > 0 ? [`LOST: ${lost} events did not reach us; all figures are too small by some of them`] : []),
    ...(damaged > 0 ? [`DAMAGED: ${damaged} lines could not be read; what they told is missing`] : []),
    ...lines.map(({ line, problem }) => `  line ${line}: ${escapeLine(problem)}`),
    ...missing.map((type) => MISSING[type]),
  ];
}

const MISSING: Readonly<Record<SummaryRecord['missing'][number], string>> = {
  attach: 'INCOMPLETE: the beginning (attach) is missing; times cannot be compared with those of a proxy',
  detach:
    'INCOMPLETE: the end (detach) is missing: the tracer was killed, or still runs; what it had not told is missing',
};

function checkSentences({ clog, slru, checkpointer }: SummaryRecord): string[] {
  const sentences = [clogSentence(clog)];
  if (slru.some(({ verdict }) => verdict === 'explained')) {
    sentences.push(
      `explained: pg_stat_slru has the pages of all but the ${CHECKPOINTER}, which adds its own when it ends.`,
    );
  }
  if (slru.some(({ verdict }) => verdict === 'differs')) {
    sentences.push(
      'differs: a backend adds its pages to pg_stat_slru when it is idle, at most once a second, or when it ends; ' +
        'and without --all some processes are not traced.',
    );
  }
  if (checkpointer !== null) {
    sentences.push(
      `pg_stat_checkpointer: ${checkpointer.server_pages} SLRU pages, traced ${checkpointer.pages}: ` +
        `${checkpointer.verdict}.`,
    );
  }
  return [...sentences, ''];
}

function clogSentence(clog: ClogCheck): string {
  const { ids, ids_per_page: perPage, different_pages: different, pages, new_pages: begun } = clog;
  const written = `${pages} pages of pg_xact written, ${different} different ones`;
  if (ids === null) {
    return `${written}; ${begun} begun, of ${perPage} transaction ids each (--connect counts these).`;
  }
  const filled = (ids / perPage).toFixed(2);
  return `${written}; ${ids} transaction ids are ${filled} pages of ${perPage}: ${CLOG_VERDICTS[clog.verdict]}.`;
}

const CLOG_VERDICTS: Readonly<Record<ClogCheck['verdict'], string>> = {
  agrees: 'agrees',
  fewer:
    'fewer, the others are in the buffers until a checkpoint, or were written by a process that was not traced',
  more: 'more, for older pages were written as well',
  unchecked: 'unchecked',
};

function counts(byName: Readonly<Record<string, number>>): string {
  const names = Object.entries(byName).map(([name, number]) => `${name} ${number}`);
  return names.length === 0 ? '-' : names.join(', ');
}
