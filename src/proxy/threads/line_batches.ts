import type { StatementLine } from '../../report/statement_line.ts';
import type { Counts } from '../counts.ts';
import type { Lines } from './mail.ts';

/** Lines that may wait for the main thread; whatever more comes is left out. */
const MAX_WAITING = 20_000;
/** So many go at once, though there is more to come. */
const BATCH = 100;

/** Collects what a thread has to say, and sends it in batches: each line once, in order. */
export class LineBatches {
  readonly #counts: Counts;
  readonly #send: (lines: Lines) => void;
  #log: string[] = [];
  #statements: StatementLine[] = [];
  #trace: string[] = [];
  #dropped = 0;
  #isScheduled = false;

  constructor(counts: Counts, send: (lines: Lines) => void) {
    this.#counts = counts;
    this.#send = send;
  }

  /** A line of the log; it goes at once, so that it is not lost in the thread. */
  log(line: string): void {
    this.#log.push(line);
    this.flush();
  }

  statement(line: StatementLine): void {
    if (this.#hasRoom()) this.#statements.push(line);
  }

  trace(line: string): void {
    if (this.#hasRoom()) this.#trace.push(line);
  }

  flush(): void {
    const [log, statements, trace, dropped] = [this.#log, this.#statements, this.#trace, this.#dropped];
    if (log.length + statements.length + trace.length + dropped === 0) return;
    this.#log = [];
    this.#statements = [];
    this.#trace = [];
    this.#dropped = 0;
    this.#send({ log, statements, trace, dropped });
  }

  #hasRoom(): boolean {
    this.#schedule();
    if (this.#counts.own('lines') >= MAX_WAITING) {
      this.#dropped += 1;
      return false;
    }
    this.#counts.add('lines', 1);
    if (this.#statements.length + this.#trace.length >= BATCH) this.flush();
    return true;
  }

  /** Behind all that can be read now. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.flush();
    });
  }
}
