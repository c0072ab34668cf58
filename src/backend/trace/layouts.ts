import type { TraceRecord } from './record.ts';

/**
 * What a field of a record is: a `text` takes the rest of bpftrace's line, `us` are nanoseconds there, a `statement` is its
 * number or none (0 there), a `flag` is 0 or 1 there.
 */
export type Kind = 'text' | 'us' | 'integer' | 'statement' | 'flag';
type Fields = readonly (readonly [name: string, kind: Kind])[];

const MOMENT: Fields = [['at_us', 'us']];
const OF_PROCESS: Fields = [...MOMENT, ['pid', 'integer']];
const OPERATION: Fields = [...OF_PROCESS, ['statement', 'statement']];
const TIMED: Fields = [...OPERATION, ['duration_us', 'us'], ['result', 'integer']];
const SYNC: Fields = [...TIMED, ['fd', 'integer'], ['transient', 'flag']];

/** The fields of each record, in the order of probes/fsync.bt. */
export const LAYOUTS: Readonly<Record<TraceRecord['type'], Fields>> = {
  attach: [...MOMENT, ['schema', 'text']],
  process: [...OF_PROCESS, ['title', 'text']],
  statement: [...OF_PROCESS, ['statement', 'integer'], ['query', 'text']],
  end: [...OF_PROCESS, ['statement', 'integer'], ['state', 'integer']],
  fsync: SYNC,
  fdatasync: SYNC,
  open: [...TIMED, ['path', 'text']],
  slru_write: [...TIMED, ['fd', 'integer'], ['slru', 'integer'], ['offset', 'integer'], ['size', 'integer']],
  slru_new: [...OPERATION, ['slru', 'integer']],
  exit: OF_PROCESS,
  tick: MOMENT,
  lost: [['count', 'integer']],
  detach: MOMENT,
};

/** What is filled in later, from other records and from /proc. */
export const UNKNOWN_YET: Readonly<Partial<Record<TraceRecord['type'], object>>> = {
  fsync: { path: null },
  fdatasync: { path: null },
  slru_write: { path: null },
};

export function isType(text: string): text is TraceRecord['type'] {
  return Object.hasOwn(LAYOUTS, text);
}

/** Texts are cut between bytes, not characters. */
export function withoutCut(text: string): string {
  return text.replace(/\uFFFD+$/, '');
}
