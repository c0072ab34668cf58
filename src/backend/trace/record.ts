/**
 * The records of `pgnetflow trace fsync`: one JSON object per line. Names are stable; additions are allowed. Times
 * (`at_us`) are microseconds of the steady clock that the `attach` record ties to the calendar.
 */
export const FSYNC_SCHEMA = 'pgnetflow.fsync/1';

interface Moment {
  at_us: number;
}

interface OfProcess extends Moment {
  pid: number;
}

/** Something that a process did, while its `statement`-th statement ran; null when none did. */
interface Operation extends OfProcess {
  statement: number | null;
}

/** All probes are attached. */
export interface AttachRecord extends Moment {
  type: 'attach';
  schema: string;
  /** The calendar's time of `at_us`, ISO 8601; absent from what bpftrace itself prints. */
  at?: string;
}

/** First sight of a process. */
export interface ProcessRecord extends OfProcess {
  type: 'process';
  /** As `ps` shows it. */
  title: string;
}

/** A statement that did any of what follows; `query` is its beginning, at most 199 bytes. */
export interface StatementStart extends OfProcess {
  type: 'statement';
  statement: number;
  query: string;
}

export interface StatementEnd extends OfProcess {
  type: 'end';
  statement: number;
  /** PostgreSQL's BackendState, whose numbers differ between versions. */
  state: number;
}

/** One system call fsync or fdatasync. */
export interface SyncRecord extends Operation {
  type: 'fsync' | 'fdatasync';
  duration_us: number;
  /** 0, or an errno below it. */
  result: number;
  fd: number;
  /** The descriptor is one of OpenTransientFile. */
  transient: boolean;
  /** Relative to the data directory where it lies in it; null when it could not be had. */
  path: string | null;
}

/** One OpenTransientFile: files and directories that PostgreSQL opens past its cache of descriptors. */
export interface OpenRecord extends Operation {
  type: 'open';
  duration_us: number;
  /** The descriptor, or -1. */
  result: number;
  path: string;
}

/** A page of an SLRU was written: from the decision on, so opening its file is in the duration. */
export interface SlruWriteRecord extends Operation {
  type: 'slru_write';
  duration_us: number;
  /** Bytes written, or an errno below 0. */
  result: number;
  fd: number;
  /** Index into PostgreSQL's list of SLRUs. */
  slru: number;
  /** Of the page in its file. */
  offset: number;
  size: number;
  path: string | null;
}

/** A page of an SLRU was begun. */
export interface SlruNewRecord extends Operation {
  type: 'slru_new';
  slru: number;
}

export interface ExitRecord extends OfProcess {
  type: 'exit';
}

export interface TickRecord extends Moment {
  type: 'tick';
}

/** Events that the tracer could not keep. */
export interface LostRecord {
  type: 'lost';
  count: number;
}

/** The last one. */
export interface DetachRecord extends Moment {
  type: 'detach';
}

export type OperationRecord = SyncRecord | OpenRecord | SlruWriteRecord | SlruNewRecord;

export type TraceRecord =
  | AttachRecord
  | ProcessRecord
  | StatementStart
  | StatementEnd
  | OperationRecord
  | ExitRecord
  | TickRecord
  | LostRecord
  | DetachRecord;
