import type {
  ActivityRecord,
  CancelRecord,
  FingerprintRecord,
  KernelCertificateRecord,
  ReportRecord,
  SessionRecord,
  SessionSumRecord,
  StatementRecord,
} from '../report/model.ts';

/** A statement of a session. Its text is the normal form: no constants leave by HTTP. */
export interface PageStatement extends Pick<
  StatementRecord,
  'seq' | 'kind' | 'outcome' | 'sqlstate' | 'rows' | 'roundtrips' | 'R' | 'S' | 'time'
> {
  readonly query: string | null;
}

export interface PageSession extends Pick<
  SessionRecord,
  | 'id'
  | 'client'
  | 'backend_pid'
  | 'user'
  | 'database'
  | 'application_name'
  | 'started_at'
  | 'ended_at'
  | 'end_reason'
  | 'R'
  | 'S'
  | 'time'
  | 'roundtrips'
  | 'transactions'
  | 'statement_count'
  | 'balanced'
> {
  readonly state: ActivityRecord['state'] | null;
  readonly wait: ActivityRecord['wait_event'] | null;
  readonly verdict: SessionRecord['kernel']['verdict'];
  /** The newest one under way. */
  readonly current: PageStatement | null;
}

export interface PageFingerprint extends FingerprintRecord {
  readonly summary: string;
}

export interface PageCancel extends Pick<
  CancelRecord,
  | 'session'
  | 'statement'
  | 'client'
  | 'requested_at'
  | 'delivered_at'
  | 'outcome'
  | 'effect_us'
  | 'bytes_after'
> {
  /** Why the backend did not react. */
  readonly diagnosis: string | null;
}

/** What the page shows, and `/api/figures` answers. */
export interface PageFigures extends Pick<
  ReportRecord,
  'version' | 'started_at' | 'totals' | 'databases' | 'refused'
> {
  /** The moment of these figures. */
  readonly at: string;
  readonly open_sessions: number;
  readonly active_sessions: number;
  readonly all_sessions: number;
  readonly unbalanced: number;
  readonly all_cancels: number;
  readonly kernel: KernelCertificateRecord | null;
  /** Open ones first, the largest by bytes first, then those that ended last. */
  readonly sessions: readonly PageSession[];
  /** The largest by bytes first. */
  readonly statements: readonly PageFingerprint[];
  readonly all_statements: number;
  readonly cancels: readonly PageCancel[];
}

export type { SessionSumRecord };
