/** One line of pg_stat_activity, as far as it is needed; the names are PostgreSQL's. */
export interface ActivityRow {
  readonly pid: number;
  readonly backend_type: string | null;
  readonly usename: string | null;
  readonly datname: string | null;
  readonly application_name: string | null;
  readonly state: string | null;
  readonly wait_event_type: string | null;
  readonly wait_event: string | null;
  readonly query: string | null;
  readonly leader_pid: number | null;
}

/** What the server itself says of a backend. */
export interface Activity {
  readonly backend: ActivityRow;
  /** Those that hold what it waits for (pg_blocking_pids). */
  readonly blockers: readonly ActivityRow[];
  /** Its parallel workers. */
  readonly workers: readonly ActivityRow[];
}
