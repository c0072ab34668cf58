import type { OperationRecord, SyncRecord } from './record.ts';
import { slruDirectory } from './slru.ts';

/** What was done, added up. Pages are by the directory of their SLRU. */
export interface Tally {
  /** Calls of fsync and fdatasync. */
  fsyncs: number;
  fsync_us: number;
  /** Of the fsyncs: of WAL segments. */
  wal_fsyncs: number;
  wal_fsync_us: number;
  opens: number;
  open_us: number;
  slru_pages: Record<string, number>;
  slru_write_us: number;
  slru_new: Record<string, number>;
  /** Of all these: how many did not succeed. */
  failed: number;
}

export function emptyTally(): Tally {
  return {
    fsyncs: 0,
    fsync_us: 0,
    wal_fsyncs: 0,
    wal_fsync_us: 0,
    opens: 0,
    open_us: 0,
    slru_pages: {},
    slru_write_us: 0,
    slru_new: {},
    failed: 0,
  };
}

export function count(tally: Tally, record: OperationRecord): void {
  if ('result' in record && record.result < 0) tally.failed += 1;
  switch (record.type) {
    case 'fsync':
    case 'fdatasync':
      tally.fsyncs += 1;
      tally.fsync_us += record.duration_us;
      if (isOfWal(record)) {
        tally.wal_fsyncs += 1;
        tally.wal_fsync_us += record.duration_us;
      }
      return;
    case 'open':
      tally.opens += 1;
      tally.open_us += record.duration_us;
      return;
    case 'slru_write':
      increase(tally.slru_pages, slruDirectory(record.slru), 1);
      tally.slru_write_us += record.duration_us;
      return;
    case 'slru_new':
      increase(tally.slru_new, slruDirectory(record.slru), 1);
  }
}

/** Adds another tally to one. */
export function addTally(sum: Tally, more: Tally): void {
  sum.fsyncs += more.fsyncs;
  sum.fsync_us += more.fsync_us;
  sum.wal_fsyncs += more.wal_fsyncs;
  sum.wal_fsync_us += more.wal_fsync_us;
  sum.opens += more.opens;
  sum.open_us += more.open_us;
  sum.slru_write_us += more.slru_write_us;
  sum.failed += more.failed;
  for (const [slru, pages] of Object.entries(more.slru_pages)) increase(sum.slru_pages, slru, pages);
  for (const [slru, pages] of Object.entries(more.slru_new)) increase(sum.slru_new, slru, pages);
}

export function pagesOf(tally: Tally): number {
  return Object.values(tally.slru_pages).reduce((sum, pages) => sum + pages, 0);
}

function increase(counts: Record<string, number>, name: string, by: number): void {
  counts[name] = (counts[name] ?? 0) + by;
}

/**
 * WAL segments are named by timeline, log and segment in 8 hexadecimal digits each (XLogFileName), a new one
 * `xlogtemp.PID`. PostgreSQL calls fdatasync for nothing else (issue_xlog_fsync).
 */
function isOfWal({ type, path }: SyncRecord): boolean {
  if (path === null) return type === 'fdatasync';
  return /(?:^|\/)(?:[0-9A-F]{24}(?:\.partial)?|xlogtemp\.\d+)$/.test(path);
}
