/** An SLRU ("simple least-recently-used" buffers over a directory of segments), as slru_names in pgstat_slru.c. */
export interface Slru {
  /** Of its directory below the data directory. */
  readonly directory: string;
  /** In pg_stat_slru since version 17, and before. */
  readonly names: readonly [now: string, before: string];
}

/** In the order of their indexes, the same since version 13. */
export const SLRUS: readonly Slru[] = [
  { directory: 'pg_commit_ts', names: ['commit_timestamp', 'CommitTs'] },
  { directory: 'pg_multixact/members', names: ['multixact_member', 'MultiXactMember'] },
  { directory: 'pg_multixact/offsets', names: ['multixact_offset', 'MultiXactOffset'] },
  { directory: 'pg_notify', names: ['notify', 'Notify'] },
  { directory: 'pg_serial', names: ['serializable', 'Serial'] },
  { directory: 'pg_subtrans', names: ['subtransaction', 'Subtrans'] },
  { directory: 'pg_xact', names: ['transaction', 'Xact'] },
  { directory: 'other', names: ['other', 'other'] },
];

/** The commit log: two bits per transaction id. */
export const CLOG = 'pg_xact';
export const IDS_PER_BYTE = 4;
export const DEFAULT_PAGE_BYTES = 8192;

const PAGES_PER_SEGMENT = 32;

/** An extension's SLRUs are counted as the last of the list. */
export function slruDirectory(index: number): string {
  return SLRUS[index]?.directory ?? 'other';
}

/** The number of a page among all pages of its SLRU; null when the file is not known. */
export function slruPage(path: string | null, offset: number, size: number): number | null {
  const segment = path === null ? undefined : /(?:^|\/)([0-9A-F]{4,15})$/.exec(path)?.[1];
  if (segment === undefined || size <= 0) return null;
  return Number.parseInt(segment, 16) * PAGES_PER_SEGMENT + Math.floor(offset / size);
}
