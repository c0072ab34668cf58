/**
 * A clock for intervals that never goes back, and the wall-clock time that each of its readings stands for. All such
 * clocks of a process agree: a statement has one timestamp, wherever it is published.
 */
export class SteadyClock {
  /** Milliseconds since some fixed moment, with microsecond resolution. */
  now(): number {
    return performance.now();
  }

  /** ISO 8601 timestamp, UTC, of a reading of {@link now}. */
  timestamp(reading: number): string {
    return new Date(performance.timeOrigin + reading).toISOString();
  }
}
