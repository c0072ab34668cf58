import type { DamagedLineRecord, Entry, Missing, TraceBooks } from './books.ts';
import { type Checks, check, type ServerCounts } from './check.ts';
import type { ProxyStatements } from './proxy_statements.ts';
import { FSYNC_SCHEMA } from './record.ts';
import { addTally, emptyTally, pagesOf, type Tally } from './tally.ts';

/** One statement of a proxy's session, or else all statements of one text by one kind of process. */
export interface StatementSummary extends Tally {
  /** The kind of process, as in pg_stat_activity.backend_type. */
  who: string;
  /** Null when it was several. */
  pid: number | null;
  /** The proxy's session and its statement there; null when no report has them. */
  session: number | null;
  seq: number | null;
  /** Null for what was done while no statement ran. */
  query: string | null;
  /** Of the backend: one for each time it reported a new text. */
  calls: number;
}

export interface ProcessSummary extends Tally {
  who: string;
  processes: number;
}

/** The last record of `--json`, and what the text report is made of. */
export interface SummaryRecord extends Checks {
  type: 'summary';
  schema: typeof FSYNC_SCHEMA;
  duration_us: number;
  /** Events that the tracer could not keep: if any, all figures are too small. */
  lost: number;
  /** Lines that could not be read: if any, figures may be too small. */
  damaged: number;
  /** The first of them. */
  damaged_lines: readonly DamagedLineRecord[];
  /** `attach`: the beginning is missing; `detach`: the tracer was killed, and its last words are missing. */
  missing: Missing[];
  totals: Tally;
  /** Longest in fsync first. */
  by: ProcessSummary[];
  statements: StatementSummary[];
}

export interface SummarySources {
  readonly books: TraceBooks;
  /** Null without a report or a statement log. */
  readonly proxy: ProxyStatements | null;
  /** What to add to the steady clock's microseconds to get microseconds since 1970. */
  readonly epochUs: number;
  readonly before: ServerCounts | null;
  readonly after: ServerCounts | null;
}

/** A statement whose text the tracer could not tell, and one beyond those that are kept. */
export const NO_TEXT = '<text unknown>';

/** The report at this moment. */
export function summarize(sources: SummarySources): SummaryRecord {
  const { books, before, after } = sources;
  const totals = emptyTally();
  const by = new Map<string, ProcessSummary>();
  const pids = new Map<string, Set<Entry['process']>>();
  const statements = new Map<string, StatementSummary>();
  for (const entry of books.entries) {
    const { kind } = entry.process.identity;
    addTally(totals, entry.tally);
    const ofKind = getOrMake(by, kind, () => ({ who: kind, processes: 0, ...emptyTally() }));
    const processes = getOrMake(pids, kind, () => new Set<Entry['process']>()).add(entry.process);
    ofKind.processes = processes.size;
    addTally(ofKind, entry.tally);
    enter(statements, entry, sources);
  }
  return {
    type: 'summary',
    schema: FSYNC_SCHEMA,
    duration_us: books.durationUs,
    lost: books.lost,
    damaged: books.damaged,
    damaged_lines: books.damagedLines,
    missing: books.missing,
    totals,
    by: [...by.values()].toSorted(bySize),
    statements: [...statements.values()].toSorted(bySize),
    ...check(books, before, after),
  };
}

function enter(statements: Map<string, StatementSummary>, entry: Entry, sources: SummarySources): void {
  const { process, statement, query, startedUs } = entry;
  const { kind: who, leader } = process.identity;
  const found =
    startedUs === null
      ? null
      : (sources.proxy?.find(leader ?? process.pid, startedUs + sources.epochUs, query) ?? null);
  const text = found?.query ?? (statement === null ? null : (query ?? NO_TEXT));
  const key = JSON.stringify(found === null ? [who, text] : [who, found.session, found.seq]);
  const made = getOrMake(statements, key, () => ({
    who,
    pid: process.pid,
    session: found?.session ?? null,
    seq: found?.seq ?? null,
    query: text,
    calls: 0,
    ...emptyTally(),
  }));
  if (made.pid !== process.pid) made.pid = null;
  if (statement !== null) made.calls += 1;
  addTally(made, entry.tally);
}

function bySize(one: Tally, other: Tally): number {
  return (
    other.fsync_us - one.fsync_us ||
    other.fsyncs - one.fsyncs ||
    pagesOf(other) - pagesOf(one) ||
    other.opens - one.opens
  );
}

function getOrMake<T>(map: Map<string, T>, key: string, make: () => T): T {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
