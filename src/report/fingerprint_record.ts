import type { QueryTexts } from '../account/query_texts.ts';
import type { StatementTotals } from '../account/statement_totals.ts';
import type { StatementStatistics } from '../account/statistics.ts';
import { visibleBytes } from '../wire/encodings.ts';
import type { FingerprintRecord } from './model.ts';
import { flowRecord, microseconds } from './session_record.ts';
import type { SteadyClock } from './steady_clock.ts';

/** The cumulative statistics, the largest by bytes first; last, and only if there is any, what was folded away. */
export function fingerprintRecords(
  statistics: StatementStatistics,
  clock: SteadyClock,
  texts: QueryTexts = 'raw',
): FingerprintRecord[] {
  const { other } = statistics;
  const kept = statistics.totals().map((totals) => fingerprintRecord(totals, clock, texts));
  return other.folded === 0 ? kept : [...kept, fingerprintRecord(other, clock, texts)];
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
