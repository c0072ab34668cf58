/** Counts of what is held. */
export interface Holdings {
  /** By this thread. */
  readonly own: number;
  /** By all threads together. */
  readonly all: number;
  add(count: number): void;
}

/** Those of a process that relays in one thread. */
export class OwnHoldings implements Holdings {
  own = 0;

  get all(): number {
    return this.own;
  }

  add(count: number): void {
    this.own += count;
  }
}

/**
 * How much of something all threads together may hold. A thread that needs more takes what others leave, and gives that
 * back when they need their share of the limit.
 */
export class Quota {
  readonly #limit: number;
  readonly #share: number;
  readonly #held: Holdings;

  constructor(limit: number, held: Holdings = new OwnHoldings(), threads = 1) {
    this.#limit = limit;
    this.#share = Math.floor(limit / threads);
    this.#held = held;
  }

  /** Held by this thread. */
  get held(): number {
    return this.#held.own;
  }

  /** How much this thread may hold at present. */
  get room(): number {
    return Math.max(this.#limit - (this.#held.all - this.#held.own), this.#share);
  }

  /** This thread is to let go of some. */
  get isExceeded(): boolean {
    return this.held > this.room;
  }

  /** This thread holds so many more; negative: fewer. */
  add(count: number): void {
    this.#held.add(count);
  }
}
