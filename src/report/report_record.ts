import type { QueryTexts } from '../account/query_texts.ts';
import type { StatementStatistics } from '../account/statistics.ts';
import type { Flow } from '../session/account.ts';
import type { Cancel, CancelDiagnosis } from '../session/cancel.ts';
import type { CancelLedger } from '../session/cancel_ledger.ts';
import type { Session } from '../session/session.ts';
import { fingerprintRecords } from './fingerprint_record.ts';
import {
  type CancelDiagnosisRecord,
  type CancelRecord,
  REPORT_SCHEMA,
  type ReportRecord,
  type SessionSumRecord,
} from './model.ts';
import { flowRecord, microseconds, sessionRecord } from './session_record.ts';
import type { SteadyClock } from './steady_clock.ts';

/** What a report is made of. */
export interface ReportSources {
  readonly version: string;
  readonly clock: SteadyClock;
  readonly startedAt: number;
  readonly sessions: readonly Session[];
  readonly databases: readonly SessionSumRecord[];
  readonly droppedSessions: {
    readonly sessions: number;
    readonly unbalanced: number;
    readonly statements: number;
    readonly R: Flow;
    readonly S: Flow;
  };
  readonly statistics: StatementStatistics;
  /** What is shown of SQL texts; raw unless given. */
  readonly texts?: QueryTexts;
  readonly cancels: CancelLedger;
  /** Turned away because a limit was reached. */
  readonly refused: { readonly connections: number; readonly cancels: number };
}

/** How much of it is wanted. */
export interface ReportExtent {
  /** Those that are kept and those under way, or the latter only. */
  readonly statements: 'kept' | 'open';
  readonly fingerprints: boolean;
}

export const WHOLE: ReportExtent = { statements: 'kept', fingerprints: true };

/**
 * The report at this moment, largest session first.
 *
 * @param extent which statements are listed with their session, and whether those by fingerprint are listed
 */
export function reportRecord(sources: ReportSources, extent: ReportExtent = WHOLE): ReportRecord {
  const { clock, droppedSessions: dropped } = sources;
  const sessions = sources.sessions
    .map((session) => sessionRecord(session, clock, extent.statements, sources.texts))
    .toSorted((a, b) => b.R.bytes + b.S.bytes - (a.R.bytes + a.S.bytes) || a.id - b.id);
  const totals = { R: flowRecord(dropped.R), S: flowRecord(dropped.S) };
  for (const session of sessions) {
    for (const direction of ['R', 'S'] as const) {
      totals[direction].bytes += session[direction].bytes;
      totals[direction].messages += session[direction].messages;
      totals[direction].reads += session[direction].reads;
      totals[direction].writes += session[direction].writes;
    }
  }
  return {
    schema: REPORT_SCHEMA,
    version: sources.version,
    started_at: clock.timestamp(sources.startedAt),
    ended_at: clock.timestamp(clock.now()),
    totals,
    databases: [...sources.databases],
    sessions,
    statements: extent.fingerprints ? fingerprintRecords(sources.statistics, clock, sources.texts) : [],
    cancels: sources.cancels.list().map((cancel) => cancelRecord(cancel, clock)),
    refused: { ...sources.refused },
    kernel: null,
    dropped: {
      sessions: dropped.sessions,
      unbalanced: dropped.unbalanced,
      statements: dropped.statements,
      R: flowRecord(dropped.R),
      S: flowRecord(dropped.S),
      cancels: sources.cancels.dropped,
    },
  };
}

function cancelRecord(cancel: Cancel, clock: SteadyClock): CancelRecord {
  return {
    session: cancel.session,
    statement: cancel.statement,
    listener: cancel.entrance?.listener ?? null,
    upstream: cancel.entrance?.upstream ?? null,
    client: { ...cancel.client },
    via: cancel.via === null ? null : { ...cancel.via },
    requested_at: clock.timestamp(cancel.requestedAt),
    delivered_at: cancel.deliveredAt === null ? null : clock.timestamp(cancel.deliveredAt),
    delivery_us: cancel.deliveredAt === null ? null : microseconds(cancel.deliveredAt - cancel.requestedAt),
    outcome: cancel.outcome,
    effect_us: cancel.effectMs === null ? null : microseconds(cancel.effectMs),
    bytes_after: cancel.bytesAfter,
    error: cancel.error,
    diagnosis: cancel.diagnosis === null ? null : diagnosisRecord(cancel.diagnosis, clock),
  };
}

function diagnosisRecord(diagnosis: CancelDiagnosis, clock: SteadyClock): CancelDiagnosisRecord {
  const { at, pid, verdict, sentence, advice, facts } = diagnosis;
  return { at: clock.timestamp(at), pid, verdict, sentence, advice, facts: [...facts] };
}
