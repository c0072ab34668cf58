/** A clock for intervals that never goes back, and the wall-clock time that each of its readings stands for. */
export class SteadyClock {
  readonly #originMs: number;

  constructor() {
    this.#originMs = Date.now() - performance.now();
  }

  /** Milliseconds since some fixed moment, with microsecond resolution. */
  now(): number {
    return performance.now();
  }

  /** ISO 8601 timestamp, UTC, of a reading of {@link now}. */
  timestamp(reading: number): string {
    return new Date(this.#originMs + reading).toISOString();
  }
}
