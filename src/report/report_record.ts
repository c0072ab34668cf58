import type { QueryTexts } from '../account/query_texts.ts';
import { type Figures, type FigureSources, type ReportExtent, takeFigures, WHOLE } from './figures.ts';
import { fingerprintRecords, mergedTotals } from './fingerprint_record.ts';
import { addedFlows, SumsByName } from './session_sums.ts';
import { type LostThreadRecord, REPORT_SCHEMA, type ReportRecord } from './model.ts';
import type { SteadyClock } from './steady_clock.ts';
import { atOnce, type Steps } from './steps.ts';

/** What a report says of the process. */
export interface Heading {
  readonly version: string;
  readonly clock: SteadyClock;
  readonly startedAt: number;
  /** When cumulative figures were 0, ISO 8601; null: when it started. */
  readonly statsSince?: string | null;
  /** What is shown of SQL texts; raw unless given. */
  readonly texts?: QueryTexts;
  /** Fingerprints that are listed; the smallest beyond them are added up. */
  readonly maxFingerprints: number;
  /** Whether their calls are counted in buckets, too. */
  readonly histograms?: boolean;
  /** None unless given. */
  readonly lostThreads?: readonly LostThreadRecord[];
}

/** What a report is made of where there is one relay thread. */
export type ReportSources = FigureSources & Omit<Heading, 'maxFingerprints'> & Pick<Figures, 'databases'>;

/** The report at this moment, put together in one go. */
export function reportRecord(sources: ReportSources, extent: ReportExtent = WHOLE): ReportRecord {
  const figures = { ...atOnce(takeFigures(sources, extent)), databases: sources.databases };
  return atOnce(mergedReport({ ...sources, maxFingerprints: Infinity }, [figures]));
}

/**
 * The report of all relay threads, largest session first. What it adds up are the rows that it lists and what the threads
 * have added up themselves, so that it is the same whichever thread a session was in.
 */
export function* mergedReport(heading: Heading, threads: readonly Figures[]): Steps<ReportRecord> {
  const { clock } = heading;
  const endedAt = clock.now();
  const sessions = threads
    .flatMap((figures) => figures.sessions)
    .toSorted((a, b) => b.R.bytes + b.S.bytes - (a.R.bytes + a.S.bytes) || a.id - b.id);
  yield;
  const dropped = threads.map((figures) => figures.dropped).reduce(addedDropped);
  const totals = { R: dropped.R, S: dropped.S };
  for (const session of sessions) {
    totals.R = addedFlows(totals.R, session.R);
    totals.S = addedFlows(totals.S, session.S);
  }
  yield;
  const sums = new SumsByName(Number.POSITIVE_INFINITY);
  for (const row of threads.flatMap(({ databases }) => databases)) sums.add(row);
  yield;
  const cumulative = yield* mergedTotals(threads, heading.maxFingerprints);
  return {
    schema: REPORT_SCHEMA,
    version: heading.version,
    started_at: clock.timestamp(heading.startedAt),
    ended_at: clock.timestamp(endedAt),
    stats_since: heading.statsSince ?? clock.timestamp(heading.startedAt),
    totals,
    databases: sums.list(),
    sessions,
    statements: yield* fingerprintRecords(cumulative, heading),
    cancels: threads
      .flatMap(({ cancels }) => cancels)
      .toSorted((a, b) => a.requestedAt - b.requestedAt)
      .map(({ record }) => record),
    refused: {
      connections: sum(threads, ({ refused }) => refused.connections),
      cancels: sum(threads, ({ refused }) => refused.cancels),
    },
    lost_threads: [...(heading.lostThreads ?? [])],
    kernel: null,
    dropped,
  };
}

function sum(threads: readonly Figures[], of: (figures: Figures) => number): number {
  return threads.reduce((total, figures) => total + of(figures), 0);
}

export function addedDropped(
  a: ReportRecord['dropped'],
  b: ReportRecord['dropped'],
): ReportRecord['dropped'] {
  return {
    sessions: a.sessions + b.sessions,
    unbalanced: a.unbalanced + b.unbalanced,
    statements: a.statements + b.statements,
    R: addedFlows(a.R, b.R),
    S: addedFlows(a.S, b.S),
    cancels: a.cancels + b.cancels,
  };
}
