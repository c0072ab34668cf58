import type { QueryTexts } from '../account/query_texts.ts';
import { StatementTotals } from '../account/statement_totals.ts';
import type { Figures } from './figures.ts';
import { visibleBytes } from '../wire/encodings.ts';
import type { FingerprintRecord, HistogramsRecord } from './model.ts';
import { flowRecord, microseconds } from './session_record.ts';
import type { SteadyClock } from './steady_clock.ts';
import type { Steps } from './steps.ts';

/** The cumulative statistics, the largest by bytes first, and what was folded away. */
export interface CumulativeTotals {
  readonly statements: readonly StatementTotals[];
  readonly other: StatementTotals | null;
}

/** Of all threads together. @param limit fingerprints that are listed; the smallest beyond it are folded away */
export function* mergedTotals(threads: readonly Figures[], limit: number): Steps<CumulativeTotals> {
  const [only] = threads;
  if (threads.length === 1 && only !== undefined) return only;
  const all = new Map<string, StatementTotals>();
  const other = new StatementTotals(null, null);
  for (const figures of threads) {
    if (figures.other !== null) other.add(figures.other);
    for (const totals of figures.statements) {
      // What a thread has sent stays as it is.
      const sum = all.get(totals.fingerprint!);
      if (sum === undefined) all.set(totals.fingerprint!, StatementTotals.fromPlain(totals.toPlain()));
      else sum.add(totals);
      yield;
    }
  }
  const sorted = [...all.values()].toSorted(
    (a, b) => b.bytes - a.bytes || (a.fingerprint! < b.fingerprint! ? -1 : 1),
  );
  for (const totals of sorted.slice(limit)) other.fold(totals);
  return { statements: sorted.slice(0, limit), other };
}

/** What records are made with. */
export interface RecordOptions {
  readonly clock: SteadyClock;
  readonly texts?: QueryTexts;
  readonly histograms?: boolean;
}

/** In the order given; last, and only if there is any, what was folded away. */
export function* fingerprintRecords(
  { statements, other }: CumulativeTotals,
  { clock, texts = 'raw', histograms = false }: RecordOptions,
): Steps<FingerprintRecord[]> {
  const records: FingerprintRecord[] = [];
  const record = (totals: StatementTotals): FingerprintRecord => ({
    ...fingerprintRecord(totals, clock, texts),
    ...(histograms && { histograms: histogramsRecord(totals) }),
  });
  for (const totals of statements) {
    records.push(record(totals));
    yield;
  }
  if (other !== null && other.folded > 0) records.push(record(other));
  return records;
}

function fingerprintRecord(
  totals: StatementTotals,
  clock: SteadyClock,
  texts: QueryTexts,
): FingerprintRecord {
  const { R, S, outcomes, calls } = totals;
  const firstAt = S.firstAt === 0 ? R.firstAt : Math.min(R.firstAt, S.firstAt);
  const lastAt = Math.max(R.lastAt, S.lastAt);
  return {
    fingerprint: totals.fingerprint,
    query: texts === 'none' || totals.query === null ? null : visibleBytes(totals.query),
    folded: totals.folded,
    calls,
    prepares: totals.prepares,
    errors: outcomes.error + outcomes.cancelled,
    outcomes: { ...outcomes },
    rows: totals.rows,
    roundtrips: totals.roundtrips,
    R: flowRecord(R),
    S: flowRecord(S),
    total_us: microseconds(totals.callsMs),
    mean_us: calls === 0 ? null : microseconds(totals.callsMs / calls),
    prepare_us: microseconds(totals.preparesMs),
    first_byte_us: microseconds(totals.firstByteMs),
    client_stall_us: microseconds(totals.clientStallMs),
    server_stall_us: microseconds(totals.serverStallMs),
    client_wait_us: microseconds(totals.clientWaitMs),
    duration_us: totals.durationUs.quantiles(),
    R_bytes: totals.bytesR.quantiles(),
    S_bytes: totals.bytesS.quantiles(),
    first_at: firstAt === 0 ? null : clock.timestamp(firstAt),
    last_at: lastAt === 0 ? null : clock.timestamp(lastAt),
  };
}

/** Upper bounds of the buckets of `histograms`: microseconds, and bytes. */
export const BUCKETS = {
  duration_us: [
    500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1e6, 2.5e6, 5e6, 1e7, 6e7,
  ],
  S_bytes: Array.from({ length: 11 }, (_, power) => 1024 * 4 ** power),
} as const;

function histogramsRecord({ durationUs, bytesS }: StatementTotals): HistogramsRecord {
  return {
    duration_us: durationUs.countsUpTo(BUCKETS.duration_us),
    S_bytes: bytesS.countsUpTo(BUCKETS.S_bytes),
  };
}
