import type { Holdings } from '../session/quota.ts';

/** What all threads count together. */
const COUNTED = [
  /** Sessions begun; the last one's id. */
  'begun',
  /** Client connections, those that are told that they are too many included. */
  'connections',
  /** Of these, clients that have not said what they want. */
  'silent',
  /** Sessions with the server, and those that wait for it. */
  'admitted',
  /** Cancel requests under way. */
  'cancels',
  /** Ended sessions that are kept. */
  'archived',
  /** Statements that are kept. */
  'statements',
  /** Lines that the main thread has not taken yet. */
  'lines',
] as const;
type Counted = (typeof COUNTED)[number];

/**
 * Counts of all relay threads, in memory that they share: a thread knows at once what the others hold, and asks nobody. Each
 * also has a column of its own, so that what it held can be taken back when it dies.
 */
export class Counts {
  /** One row of the sums, then one for each thread. */
  readonly #cells: Int32Array;
  readonly #own: number;

  /** @param cells of {@link Counts.cells} @param thread whose these are, from 0 */
  constructor(cells: Int32Array, thread: number) {
    this.#cells = cells;
    this.#own = (thread + 1) * COUNTED.length;
  }

  /** Room for the counts of so many threads, to be shared between them. */
  static cells(threads: number): Int32Array {
    return new Int32Array(
      new SharedArrayBuffer((threads + 1) * COUNTED.length * Int32Array.BYTES_PER_ELEMENT),
    );
  }

  all(what: Counted): number {
    return Atomics.load(this.#cells, COUNTED.indexOf(what));
  }

  own(what: Counted): number {
    return Atomics.load(this.#cells, this.#own + COUNTED.indexOf(what));
  }

  /** @returns the sum of all threads */
  add(what: Counted, count: number): number {
    const at = COUNTED.indexOf(what);
    Atomics.add(this.#cells, this.#own + at, count);
    return Atomics.add(this.#cells, at, count) + count;
  }

  /** Adds one, unless all threads together have so many. @returns whether it did */
  take(what: Counted, limit: number): boolean {
    if (this.add(what, 1) <= limit) return true;
    this.add(what, -1);
    return false;
  }

  holdings(what: Counted): Holdings {
    const at = COUNTED.indexOf(what);
    const cells = this.#cells;
    const own = this.#own + at;
    return {
      get own() {
        return Atomics.load(cells, own);
      },
      get all() {
        return Atomics.load(cells, at);
      },
      add: (count) => {
        Atomics.add(cells, own, count);
        Atomics.add(cells, at, count);
      },
    };
  }

  /** The thread is gone, and what it held is free; the ids that it has given out are not. */
  release(): void {
    for (const what of COUNTED) if (what !== 'begun') this.add(what, -this.own(what));
  }
}
