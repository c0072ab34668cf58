import type net from 'node:net';
import { RecordReader, type RecordSink } from './record_reader.ts';
import type { ProbeRecord } from './records.ts';

/** Lines that may be damaged before a helper is taken for something else. */
const MAX_DAMAGED = 100;
/** What a helper that does not read may leave unread. */
const MAX_UNREAD_BYTES = 64 * 1024;

/** How long a connection may hold the only place for a helper without being one. */
export interface HelperDeadlines {
  /** From the connection to the first record. */
  readonly firstWordMs: number;
  /** From the connection to `attach`, for who has said that it is starting: SystemTap compiles its script meanwhile. */
  readonly attachMs: number;
}

export const HELPER_DEADLINES: HelperDeadlines = { firstWordMs: 5000, attachMs: 900_000 };

export interface HelperEvents {
  /** A chunk of records has been entered. */
  read(): void;
  /** Exactly once. @param problem why it was cut off; null when it went by itself */
  gone(problem: string | null): void;
}

/** One helper's connection: enters its records, and breaks off with whoever does not write records. */
export class HelperConnection implements RecordSink {
  readonly #socket: net.Socket;
  readonly #ledger: RecordSink;
  readonly #events: HelperEvents;
  readonly #reader = new RecordReader(this);
  readonly #deadlines: HelperDeadlines;
  readonly #connectedAt = performance.now();
  #deadline: NodeJS.Timeout;
  #attached = false;
  #damaged = 0;
  #problem: string | null = null;
  #asked = 0;
  /** Greatest token of a request that it has answered. */
  flushed = 0;

  constructor(
    socket: net.Socket,
    ledger: RecordSink,
    events: HelperEvents,
    deadlines: HelperDeadlines = HELPER_DEADLINES,
  ) {
    this.#socket = socket;
    this.#ledger = ledger;
    this.#events = events;
    this.#deadlines = deadlines;
    this.#deadline = this.#attachWithin(deadlines.firstWordMs);
    socket.on('data', (chunk: Buffer) => this.#enter(() => this.#reader.read(chunk)));
    socket.on('end', () => {
      this.#enter(() => this.#reader.end());
      socket.end();
    });
    // It closes next.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(this.#deadline);
      events.gone(this.#problem);
    });
    // It was accepted paused.
    socket.resume();
  }

  /** Asks for all that is pending. @returns the token that {@link flushed} reaches with the answer */
  askToFlush(): number {
    this.#asked += 1;
    this.#socket.write(`${JSON.stringify({ type: 'flush', token: this.#asked })}\n`);
    if (this.#socket.writableLength > MAX_UNREAD_BYTES) this.#cutOff('it does not read what is asked of it');
    return this.#asked;
  }

  close(): void {
    this.#socket.destroy();
  }

  enter(record: ProbeRecord): void {
    if (this.#problem !== null) return;
    if (record.type === 'starting' && !this.#attached) {
      clearTimeout(this.#deadline);
      this.#deadline = this.#attachWithin(this.#deadlines.attachMs);
      return;
    }
    if (record.type === 'attach') {
      this.#attached = true;
      clearTimeout(this.#deadline);
    }
    if (!this.#attached) {
      this.#cutOff(`its first record is not "attach" but "${record.type}"`);
      return;
    }
    this.#ledger.enter(record);
    if (record.type === 'flushed' && record.token !== null && record.token <= this.#asked)
      this.flushed = Math.max(this.flushed, record.token);
  }

  damaged(line: number, problem: string): void {
    if (this.#problem !== null) return;
    this.#damaged += 1;
    if (!this.#attached) this.#cutOff(`line ${line}: ${problem}`);
    else if (this.#damaged > MAX_DAMAGED) this.#cutOff(`more than ${MAX_DAMAGED} of its lines are damaged`);
    else this.#ledger.damaged(line, problem);
  }

  /** @param ms since the connection */
  #attachWithin(ms: number): NodeJS.Timeout {
    const left = this.#connectedAt + ms - performance.now();
    return setTimeout(() => this.#cutOff(`it has sent no "attach" within ${ms / 1000} s`), left);
  }

  #enter(read: () => void): void {
    if (this.#problem !== null) return;
    try {
      read();
    } catch (error) {
      this.#cutOff(error instanceof Error ? error.message : String(error));
    }
    this.#events.read();
  }

  #cutOff(problem: string): void {
    this.#problem ??= problem;
    this.#socket.destroy();
  }
}
