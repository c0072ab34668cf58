import type { Logger } from 'pino';
import type { Sink } from './sink.ts';

/** UTF-16 units of lines that may wait; a relay must not run out of memory because its log is slow. */
export const MAX_WAITING = 8 * 1024 * 1024;

/**
 * Writes lines to a sink in the background, in order. Whoever writes never waits: lines that would wait beyond the
 * limit, and lines that the sink refuses, are dropped and counted. The log says so when it begins, and how many there
 * were when it is over.
 */
export class LineWriter {
  readonly #sink: Sink;
  readonly #name: string;
  readonly #log: Logger;
  readonly #maxWaiting: number;
  #waiting: string[] = [];
  #waitingLength = 0;
  #dropped = 0;
  /** Of the dropped ones, those that the log has told of. */
  #droppedTold = 0;
  #failing = false;
  #writing: Promise<void> | null = null;

  /** @param name what the log calls it, such as `statement log` */
  constructor(sink: Sink, name: string, log: Logger, maxWaiting = MAX_WAITING) {
    this.#sink = sink;
    this.#name = name;
    this.#log = log;
    this.#maxWaiting = maxWaiting;
  }

  /** Lines that were not written. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Takes one entry, its line feed included. */
  write(entry: string): void {
    if (this.#waitingLength + entry.length > this.#maxWaiting) {
      this.#drop(1, 'cannot keep up');
      return;
    }
    this.#waiting.push(entry);
    this.#waitingLength += entry.length;
    this.#writing ??= this.#run();
  }

  /** Resolves when all that was taken is written or dropped, and the sink is closed. */
  async close(): Promise<void> {
    await this.#writing;
    this.#tellEnd();
    await this.#sink.close();
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const entries = this.#waiting;
      const length = this.#waitingLength;
      this.#waiting = [];
      try {
        await this.#sink.write(entries);
        this.#tellEnd();
      } catch (error) {
        this.#drop(entries.length, error instanceof Error ? error.message : String(error));
      }
      this.#waitingLength -= length;
    }
    this.#writing = null;
  }

  #drop(lines: number, why: string): void {
    this.#dropped += lines;
    if (this.#failing) return;
    this.#failing = true;
    this.#log.warn(`the ${this.#name} drops lines: ${why}`);
  }

  #tellEnd(): void {
    if (!this.#failing) return;
    this.#failing = false;
    const lines = this.#dropped - this.#droppedTold;
    this.#droppedTold = this.#dropped;
    this.#log.warn({ dropped: lines, dropped_in_all: this.#dropped }, `the ${this.#name} dropped lines`);
  }
}
