import type { Logger } from 'pino';
import type { Sink } from './sink.ts';

/** UTF-16 units of lines that may wait; a relay must not run out of memory because its log is slow. */
export const MAX_WAITING = 8 * 1024 * 1024;

/** UTF-16 units that are gathered in one string. */
const PIECE = 64 * 1024;

export interface LineWriterOptions {
  /** What the log calls it, such as `statement log`. */
  readonly name: string;
  readonly log: Logger;
  readonly maxWaiting?: number;
  /** An entry that stands where lines are missing, none unless given; without a problem they came too fast. */
  readonly gap?: (lines: number, problem: string | null) => string;
}

/** What waits to be written at once. */
interface Batch {
  readonly pieces: string[];
  length: number;
  lines: number;
  /** Missing ones that it tells of. */
  told: number;
}

/**
 * Writes lines to a sink in the background, in order. Whoever writes never waits: lines that would wait beyond the
 * limit, and lines that the sink refuses, are dropped and counted. The log says so when it begins, and how many there
 * were when it is over.
 */
export class LineWriter {
  readonly #sink: Sink;
  readonly #options: LineWriterOptions;
  readonly #maxWaiting: number;
  #batch: Batch = emptyBatch();
  #waiting = 0;
  #waitingLength = 0;
  #dropped = 0;
  /** Of the dropped ones, those that the log has told of. */
  #droppedTold = 0;
  #failing = false;
  /** Lines for which there was no room, since there was; until half of the room is free, none is taken. */
  #skipped = 0;
  /** Lines that the sink has refused since it took any. */
  #refused = 0;
  #problem = '';
  #writing: Promise<void> | null = null;
  #closed: Promise<void> | null = null;

  constructor(sink: Sink, options: LineWriterOptions) {
    this.#sink = sink;
    this.#options = options;
    this.#maxWaiting = options.maxWaiting ?? MAX_WAITING;
  }

  /** Lines that were not written. */
  get dropped(): number {
    return this.#dropped;
  }

  /** What the log calls it. */
  get name(): string {
    return this.#options.name;
  }

  /** Lines that are not written, but for those that the log has told of. */
  get missing(): number {
    return this.#dropped - this.#droppedTold + this.#waiting;
  }

  /** Bytes that have been written: those of one that goes on become more, however slow it is. */
  get written(): number {
    return this.#sink.written;
  }

  /** Takes one entry, its line feed included. */
  write(entry: string): void {
    if (this.#closed !== null) {
      this.#dropped += 1;
      return;
    }
    if (!this.#hasRoomFor(entry)) {
      this.#skipped += 1;
      this.#drop(1, 'cannot keep up');
      return;
    }
    this.#tellSkipped();
    this.#add(entry, { lines: 1, told: 0 });
  }

  /** Resolves when all that was taken is written or dropped, and the sink is closed. Takes no more. */
  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#tellSkipped();
    if (this.#refused > 0) this.#add('', { lines: 0, told: 0 });
    await this.#writing;
    this.#tellEnd();
    await this.#sink.close();
  }

  #hasRoomFor(entry: string): boolean {
    if (this.#skipped > 0 && this.#waitingLength > this.#maxWaiting / 2) return false;
    return this.#waitingLength + entry.length <= this.#maxWaiting;
  }

  #tellSkipped(): void {
    if (this.#skipped === 0) return;
    this.#add(this.#gap(this.#skipped, null), { lines: 0, told: this.#skipped });
    this.#skipped = 0;
  }

  #gap(lines: number, problem: string | null): string {
    return this.#options.gap?.(lines, problem) ?? '';
  }

  #add(text: string, { lines, told }: { readonly lines: number; readonly told: number }): void {
    const { pieces } = this.#batch;
    const last = pieces.at(-1);
    if (last !== undefined && last.length < PIECE) pieces[pieces.length - 1] = last + text;
    else pieces.push(text);
    this.#batch.length += text.length;
    this.#batch.lines += lines;
    this.#batch.told += told;
    this.#waiting += lines;
    this.#waitingLength += text.length;
    this.#writing ??= this.#run();
  }

  async #run(): Promise<void> {
    // What comes in one go is written at once.
    await Promise.resolve();
    while (this.#batch.pieces.length > 0) {
      const batch = this.#batch;
      this.#batch = emptyBatch();
      await this.#writeBatch(batch);
      this.#waiting -= batch.lines;
      this.#waitingLength -= batch.length;
    }
    this.#writing = null;
  }

  async #writeBatch({ pieces, lines, told }: Batch): Promise<void> {
    const gap = this.#refused === 0 ? '' : this.#gap(this.#refused, this.#problem);
    try {
      await this.#sink.write([gap, ...pieces]);
      this.#refused = 0;
      if (this.#skipped === 0) this.#tellEnd();
    } catch (error) {
      this.#problem = error instanceof Error ? error.message : String(error);
      this.#refused += lines + told;
      this.#drop(lines, this.#problem);
    }
  }

  #drop(lines: number, why: string): void {
    this.#dropped += lines;
    if (this.#failing || lines === 0) return;
    this.#failing = true;
    this.#options.log.warn(`the ${this.#options.name} drops lines: ${why}`);
  }

  #tellEnd(): void {
    if (!this.#failing) return;
    this.#failing = false;
    const lines = this.#dropped - this.#droppedTold;
    this.#droppedTold = this.#dropped;
    this.#options.log.warn(
      { dropped: lines, dropped_in_all: this.#dropped },
      `the ${this.#options.name} dropped lines`,
    );
  }
}

function emptyBatch(): Batch {
  return { pieces: [], length: 0, lines: 0, told: 0 };
}
