// As a global it would be looked up, through a getter, with each read.
import { performance } from 'node:perf_hooks';
import type { Leg } from './leg.ts';

/** The books of one direction, as the pump keeps them informed. Times are those of `performance.now()`. */
export interface DirectionBooks {
  /** One read of `buffer[0, bytes)`, before it is written. */
  read(buffer: Buffer, bytes: number, now: number): void;
  /** One write of it. */
  wrote(): void;
  /** The kernel has taken all that was written. */
  handedOn(): void;
  /** The other side does not take what was written; nothing more is read until it does. */
  stallBegan(now: number): void;
  stallEnded(now: number): void;
  /** So many bytes wait to be taken; they are lost if the connection breaks now. */
  undelivered(bytes: number): void;
}

/**
 * Moves the bytes of one direction from one leg to the other, chunk by chunk as they were read. While the other side
 * does not take a chunk, nothing more is read: back-pressure reaches the sender.
 */
export class Pump {
  readonly #to: Leg;
  readonly #from: Leg;
  readonly #books: DirectionBooks;
  #waiting = 0;
  #lost = 0;

  constructor(from: Leg, to: Leg, books: DirectionBooks) {
    this.#from = from;
    this.#to = to;
    this.#books = books;
  }

  /** Passes on one read. @returns false to stop reading: the chunk is still in use */
  pass(buffer: Buffer, bytes: number): boolean {
    const now = performance.now();
    this.#books.read(buffer, bytes, now);
    return this.forward(bytes === buffer.length ? buffer : buffer.subarray(0, bytes));
  }

  /** Writes what has been booked already. @returns false to stop reading: the chunk is still in use */
  forward(chunk: Buffer): boolean {
    if (this.#to.unwritable) {
      this.#lost += chunk.length;
      this.#books.undelivered(this.#lost + this.#waiting);
      return true;
    }
    const taken = this.#to.write(chunk, this.#onTaken, this.#onFull);
    this.#books.wrote();
    if (taken) {
      this.#books.handedOn();
      return true;
    }
    this.#waiting = chunk.length;
    this.#books.undelivered(this.#lost + chunk.length);
    return false;
  }

  /** The other side is gone: ends a stall that nothing else will end. */
  stop(): void {
    this.#books.stallEnded(performance.now());
  }

  readonly #onFull = (): void => {
    this.#books.stallBegan(performance.now());
  };

  readonly #onTaken = (): void => {
    this.#books.stallEnded(performance.now());
    this.#waiting = 0;
    this.#books.undelivered(this.#lost);
    this.#books.handedOn();
    this.#from.resume();
  };
}
