import type { QueryTexts } from '../account/query_texts.ts';
import { StatementTotals } from '../account/statement_totals.ts';
import type { StatementStatistics } from '../account/statistics.ts';
import type { Flow } from '../session/account.ts';
import type { Cancel, CancelDiagnosis } from '../session/cancel.ts';
import type { CancelLedger } from '../session/cancel_ledger.ts';
import type { Session } from '../session/session.ts';
import type {
  CancelDiagnosisRecord,
  CancelRecord,
  ReportRecord,
  SessionRecord,
  SessionSumRecord,
} from './model.ts';
import { flowRecord, microseconds, sessionRecordInSteps } from './session_record.ts';
import type { SteadyClock } from './steady_clock.ts';
import type { Steps } from './steps.ts';

/** What the figures of one relay thread are made of. */
export interface FigureSources {
  readonly clock: SteadyClock;
  readonly sessions: readonly Session[];
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
  /** Whether those by fingerprint have their `histograms`; not unless asked for. */
  readonly histograms?: boolean;
}

export const WHOLE: ReportExtent = { statements: 'kept', fingerprints: true };

/** What one relay thread has counted, ready to be added to what others have. */
export interface Figures {
  readonly sessions: readonly SessionRecord[];
  readonly databases: readonly SessionSumRecord[];
  /** By statement; the fingerprints of each thread are its own. */
  readonly statements: readonly StatementTotals[];
  /** What was folded away of these; null when they are not wanted. */
  readonly other: StatementTotals | null;
  readonly cancels: readonly DatedCancel[];
  readonly refused: ReportRecord['refused'];
  readonly dropped: ReportRecord['dropped'];
}

/** A cancel request, and when it came by the steady clock, for the order in which they are listed. */
export interface DatedCancel {
  readonly requestedAt: number;
  readonly record: CancelRecord;
}

/**
 * Takes the figures as they stand. No row is half old: what may still change of it is read in one step. What goes on meanwhile
 * is in none of them twice.
 *
 * @param extent which statements are listed with their session, and whether those by fingerprint are listed
 */
export function* takeFigures(
  sources: FigureSources,
  extent: ReportExtent,
): Steps<Omit<Figures, 'databases'>> {
  const { clock } = sources;
  const refused = { ...sources.refused };
  const cancelled = sources.cancels.list();
  const dropped = droppedRecord(sources);
  // In one step, for what is folded away meanwhile would be in both.
  const statements = extent.fingerprints ? sources.statistics.totals() : [];
  const other = extent.fingerprints ? StatementTotals.fromPlain(sources.statistics.other.toPlain()) : null;
  const sessions: SessionRecord[] = [];
  for (const session of sources.sessions) {
    sessions.push(yield* sessionRecordInSteps(session, clock, extent.statements, sources.texts));
    yield;
  }
  const cancels: DatedCancel[] = [];
  for (const cancel of cancelled) {
    cancels.push({ requestedAt: cancel.requestedAt, record: cancelRecord(cancel, clock) });
    yield;
  }
  return { sessions, statements, other, cancels, refused, dropped };
}

function droppedRecord({ droppedSessions: dropped, cancels }: FigureSources): ReportRecord['dropped'] {
  return {
    sessions: dropped.sessions,
    unbalanced: dropped.unbalanced,
    statements: dropped.statements,
    R: flowRecord(dropped.R),
    S: flowRecord(dropped.S),
    cancels: cancels.dropped,
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
