import { now } from '../clock.ts';
// As a global it would be looked up, through a getter, with each read.
import type { Leg } from './leg.ts';

/** The books of one direction, as the pump keeps them informed. Times are those of the process's clock. */
export interface DirectionBooks {
  /**
   * One read of `buffer[0, bytes)`. It has been written already, or could not be: who waits for it need not wait for
   * the books.
   *
   * @param now when it was read
   */
  read(buffer: Buffer, bytes: number, now: number): void;
  /**
   * One read that nobody gets, for the other side is gone.
   *
   * @returns how many bytes of it count as {@link undelivered}
   */
  lost(buffer: Buffer, bytes: number, now: number): number;
  /** One write of it. */
  wrote(): void;
  /** The kernel has taken all that was written. @param now when it had */
  handedOn(now: number): void;
  /** The other side does not take what was written; nothing more is read until it does. */
  stallBegan(now: number): void;
  stallEnded(now: number): void;
  /** So many bytes wait to be taken; they are lost if the connection breaks now. */
  undelivered(bytes: number): void;
}

/** What became of a write. */
const Outcome = {
  Taken: 0,
  /** The kernel does not take it yet. */
  Waiting: 1,
  /** Nothing can be written any more. */
  Lost: 2,
} as const;
type Outcome = (typeof Outcome)[keyof typeof Outcome];

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
  #isWriting = false;
  /** The write that is not booked yet was not taken. */
  #isFull = false;

  constructor(from: Leg, to: Leg, books: DirectionBooks) {
    this.#from = from;
    this.#to = to;
    this.#books = books;
  }

  /** Passes on one read. @returns false to stop reading: the chunk is still in use */
  pass(buffer: Buffer, bytes: number): boolean {
    const at = now();
    const outcome = this.#write(bytes === buffer.length ? buffer : buffer.subarray(0, bytes));
    if (outcome === Outcome.Lost) {
      this.#lose(this.#books.lost(buffer, bytes, at));
      return true;
    }
    const writtenAt = now();
    this.#books.read(buffer, bytes, at);
    return this.#bookWrite(bytes, outcome, writtenAt);
  }

  /** Writes what has been booked already. @returns false to stop reading: the chunk is still in use */
  forward(chunk: Buffer): boolean {
    return this.#bookWrite(chunk.length, this.#write(chunk), now());
  }

  /** The other side is gone: ends a stall that nothing else will end. */
  stop(): void {
    this.#books.stallEnded(now());
  }

  #write(chunk: Buffer): Outcome {
    if (this.#to.unwritable) return Outcome.Lost;
    this.#isWriting = true;
    const taken = this.#to.write(chunk, this.#onTaken, this.#onFull);
    this.#isWriting = false;
    return taken ? Outcome.Taken : Outcome.Waiting;
  }

  /** @returns false to stop reading */
  #bookWrite(bytes: number, outcome: Outcome, writtenAt: number): boolean {
    if (outcome === Outcome.Lost) {
      this.#lose(bytes);
      return true;
    }
    this.#books.wrote();
    if (outcome === Outcome.Taken) {
      this.#books.handedOn(writtenAt);
      return true;
    }
    if (this.#isFull) this.#books.stallBegan(writtenAt);
    this.#isFull = false;
    this.#waiting = bytes;
    this.#books.undelivered(this.#lost + bytes);
    return false;
  }

  #lose(bytes: number): void {
    this.#lost += bytes;
    this.#books.undelivered(this.#lost + this.#waiting);
  }

  readonly #onFull = (): void => {
    if (this.#isWriting) this.#isFull = true;
    else this.#books.stallBegan(now());
  };

  readonly #onTaken = (): void => {
    const at = now();
    this.#books.stallEnded(at);
    this.#waiting = 0;
    this.#books.undelivered(this.#lost);
    this.#books.handedOn(at);
    this.#from.resume();
  };
}
