/** Which process of a PostgreSQL server it is, in the words of pg_stat_activity.backend_type. */
export interface ProcessKind {
  readonly kind: string;
  /** Whom a parallel worker works for; null for any other. */
  readonly leader: number | null;
}

const CLIENT_BACKEND = 'client backend';
const BACKGROUND_WORKER = 'background worker';

/** How the titles begin that are not a backend's, as init_ps_display writes them, old and new. */
const TITLES: readonly (readonly [begin: string, kind: string])[] = [
  ['checkpointer', 'checkpointer'],
  ['background writer', 'background writer'],
  ['walwriter', 'walwriter'],
  ['walsender', 'walsender'],
  ['walreceiver', 'walreceiver'],
  ['walsummarizer', 'walsummarizer'],
  ['autovacuum launcher', 'autovacuum launcher'],
  ['autovacuum worker', 'autovacuum worker'],
  ['archiver', 'archiver'],
  ['startup', 'startup'],
  ['logger', 'logger'],
  ['io worker', 'io worker'],
  ['slotsync worker', 'slotsync worker'],
  ['parallel worker', 'parallel worker'],
  ['logical replication launcher', 'logical replication launcher'],
  ['logical replication', 'logical replication worker'],
];

/** How every title begins but the postmaster's, which has none (init_ps_display of ps_status.c). */
export const TITLE_PREFIX = 'postgres: ';

/** @param title as in /proc/PID/cmdline; without the server's prefix it is the postmaster's command line */
export function processKind(title: string): ProcessKind {
  if (!title.startsWith(TITLE_PREFIX)) return { kind: 'postmaster', leader: null };
  const whole = title.slice(TITLE_PREFIX.length);
  // With cluster_name set, that stands before it.
  const name = beginning(whole) === undefined ? whole.replace(/^.*?: /, '') : whole;
  const kind = beginning(name);
  const leader = /^parallel worker for PID (\d+)/.exec(name)?.[1];
  if (kind !== undefined) return { kind, leader: leader === undefined ? null : Number(leader) };
  const isBackend = /\S+ (\[local\]|[^\s()]+\(\d{1,5}\))( |$)/.test(name);
  return { kind: isBackend ? CLIENT_BACKEND : BACKGROUND_WORKER, leader: null };
}

function beginning(name: string): string | undefined {
  return TITLES.find(([begin]) => name === begin || name.startsWith(`${begin} `))?.[1];
}
