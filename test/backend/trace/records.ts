// Records of a trace for tests: short ways to write them.
import type { SyncRecord, TraceRecord } from '../../../src/backend/trace/record.ts';

export const BACKEND = 4711;
export const CHECKPOINTER = 23;

export function began(at_us: number, statement: number, query: string, pid = BACKEND): TraceRecord {
  return { type: 'statement', at_us, pid, statement, query };
}

export function ended(at_us: number, statement: number, pid = BACKEND): TraceRecord {
  return { type: 'end', at_us, pid, statement, state: 1 };
}

export function fsync(at_us: number, statement: number | null, more: Partial<SyncRecord> = {}): SyncRecord {
  const record = { at_us, pid: BACKEND, statement, duration_us: 7, result: 0, fd: 5, transient: false };
  return { type: 'fsync', ...record, path: null, ...more };
}

export function titled(pid: number, title: string): TraceRecord {
  return { type: 'process', at_us: 1, pid, title };
}

/** A page of pg_xact: 6 is its index. */
export function clogPage(page: number, pid = CHECKPOINTER): TraceRecord {
  const segment = Math.floor(page / 32)
    .toString(16)
    .toUpperCase()
    .padStart(4, '0');
  const offset = (page % 32) * 8192;
  const where = { fd: 9, slru: 6, offset, size: 8192, path: `pg_xact/${segment}` };
  return { type: 'slru_write', at_us: page, pid, statement: null, duration_us: 3, result: 8192, ...where };
}
