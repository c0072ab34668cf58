import { now } from '../clock.ts';
import { type Calendar, processCalendar } from './calendar.ts';

/** How often the system's clock is looked at. */
const FOLLOWED_EVERY_MS = 1000;

/**
 * A clock for intervals that never goes back, and the wall-clock time that each of its readings stands for. All such
 * clocks of a process agree: a statement has one timestamp, wherever it is published.
 */
export class SteadyClock {
  readonly #calendar: Calendar;

  constructor(calendar: Calendar = processCalendar) {
    this.#calendar = calendar;
  }

  /** Milliseconds since some fixed moment, with microsecond resolution. */
  now(): number {
    return now();
  }

  /** ISO 8601 timestamp, UTC, of a reading of {@link now}. */
  timestamp(reading: number): string {
    return new Date(this.#calendar.momentOf(reading)).toISOString();
  }

  /** Has the timestamps follow the system's clock, should that be set. @returns stops it */
  followSystem(everyMs = FOLLOWED_EVERY_MS): () => void {
    const timer = setInterval(() => this.#calendar.follow(), everyMs);
    timer.unref();
    return () => clearInterval(timer);
  }
}
