import { type ProcessKind, processKind } from '../process_kind.ts';
import type { OperationRecord, TraceRecord } from './record.ts';
import { slruDirectory, slruPage } from './slru.ts';
import { count, emptyTally, type Tally } from './tally.ts';

/** One process from its first sight to its end; a pid may come again. */
export interface TracedProcess {
  readonly pid: number;
  identity: ProcessKind;
}

/** What one statement of one process did; or, without a number, what the process did while no statement ran. */
export interface Entry {
  readonly process: TracedProcess;
  readonly statement: number | null;
  /** Of the steady clock; null when the tracer did not tell. */
  startedUs: number | null;
  /** Null when it went on to the end of the trace, or to the next statement. */
  endedUs: number | null;
  query: string | null;
  readonly tally: Tally;
}

/** A line that could not be read. */
export interface DamagedLineRecord {
  line: number;
  problem: string;
}

/** A trace begins and ends with one of these. */
export type Missing = 'attach' | 'detach';

/** So many of the damaged lines are named. */
const NAMED_LINES = 5;

const UNKNOWN: ProcessKind = { kind: 'unknown', leader: null };

/** Statements beyond that are booked to one entry of their process, `folded`. */
const MAX_ENTRIES = 50_000;
const FOLDED = -1;

/** Books operations to the statement of their process. Told of all records, in their order. */
export class TraceBooks {
  readonly #processes = new Map<number, TracedProcess>();
  readonly #open = new Map<TracedProcess, Map<number | null, Entry>>();
  readonly #entries: Entry[] = [];
  /** Different pages that were written, by the directory of their SLRU. */
  readonly #pages = new Map<string, Set<number>>();
  #firstUs: number | null = null;
  #lastUs = 0;
  #lost = 0;
  #damaged = 0;
  readonly #damagedLines: DamagedLineRecord[] = [];
  readonly #missing = new Set<Missing>(['attach', 'detach']);
  #pageBytes: number | null = null;

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  /** Time between the first and the last record. */
  get durationUs(): number {
    return this.#firstUs === null ? 0 : this.#lastUs - this.#firstUs;
  }

  /** Events that the tracer could not keep. */
  get lost(): number {
    return this.#lost;
  }

  /** Lines that could not be read. */
  get damaged(): number {
    return this.#damaged;
  }

  /** The first of them. */
  get damagedLines(): readonly DamagedLineRecord[] {
    return this.#damagedLines;
  }

  /** The records of a whole trace that have not come. */
  get missing(): Missing[] {
    return [...this.#missing];
  }

  /** BLCKSZ, when a page was seen. */
  get pageBytes(): number | null {
    return this.#pageBytes;
  }

  /** How many different pages of an SLRU were written. */
  differentPages(directory: string): number {
    return this.#pages.get(directory)?.size ?? 0;
  }

  addDamaged(line: number, problem: string): void {
    this.#damaged += 1;
    if (this.#damagedLines.length < NAMED_LINES) this.#damagedLines.push({ line, problem });
  }

  add(record: TraceRecord): void {
    if (record.type === 'lost') {
      this.#lost += record.count;
      return;
    }
    this.#firstUs ??= record.at_us;
    this.#lastUs = Math.max(this.#lastUs, record.at_us);
    switch (record.type) {
      case 'process':
        this.#process(record.pid).identity = processKind(record.title);
        return;
      case 'statement': {
        const entry = this.#entry(record.pid, record.statement);
        if (entry.statement === FOLDED) return;
        entry.startedUs = record.at_us;
        entry.query = record.query;
        return;
      }
      case 'end':
        this.#end(record.pid, record.statement, record.at_us);
        return;
      case 'fsync':
      case 'fdatasync':
      case 'open':
      case 'slru_write':
      case 'slru_new':
        this.#operation(record);
        return;
      case 'exit':
        this.#forget(record.pid);
        return;
      case 'attach':
      case 'detach':
        this.#missing.delete(record.type);
        return;
      case 'tick':
    }
  }

  #operation(record: OperationRecord): void {
    count(this.#entry(record.pid, record.statement).tally, record);
    if (record.type !== 'slru_write') return;
    this.#pageBytes ??= record.size;
    const page = slruPage(record.path, record.offset, record.size);
    const directory = slruDirectory(record.slru);
    const pages = this.#pages.get(directory) ?? new Set<number>();
    this.#pages.set(directory, pages);
    if (page !== null) pages.add(page);
  }

  #process(pid: number): TracedProcess {
    const known = this.#processes.get(pid);
    if (known !== undefined) return known;
    const made = { pid, identity: UNKNOWN };
    this.#processes.set(pid, made);
    return made;
  }

  #entry(pid: number, statement: number | null): Entry {
    const process = this.#process(pid);
    const open = this.#open.get(process) ?? new Map<number | null, Entry>();
    this.#open.set(process, open);
    return open.get(statement) ?? this.#make(process, open, statement);
  }

  #make(process: TracedProcess, open: Map<number | null, Entry>, statement: number | null): Entry {
    const isFull = statement !== null && this.#entries.length >= MAX_ENTRIES;
    const key = isFull ? FOLDED : statement;
    const folded = open.get(key);
    if (folded !== undefined) return folded;
    const entry: Entry = {
      process,
      statement: key,
      startedUs: null,
      endedUs: null,
      query: null,
      tally: emptyTally(),
    };
    open.set(key, entry);
    this.#entries.push(entry);
    return entry;
  }

  #end(pid: number, statement: number, atUs: number): void {
    const process = this.#process(pid);
    const entry = this.#open.get(process)?.get(statement);
    if (entry !== undefined) entry.endedUs = atUs;
  }

  #forget(pid: number): void {
    const process = this.#processes.get(pid);
    if (process === undefined) return;
    this.#processes.delete(pid);
    this.#open.delete(process);
  }
}
