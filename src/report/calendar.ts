import { CLOCK_ORIGIN, now } from '../clock.ts';
/** Clocks to read, in milliseconds. */
export interface Clocks {
  /** Never set, and never goes back. */
  readonly steady: () => number;
  /** The system's clock: since 1970, and set whenever someone likes. */
  readonly system: () => number;
}

/** Since a reading of the steady clock, its 0 was at that moment of the calendar. */
interface Anchor {
  readonly since: number;
  readonly zeroAt: number;
}

/** Differences beyond it are no noise: the system's clock was set, or the machine was suspended. */
const TOLERANCE_MS = 50;
/** A look at both clocks that took longer tells nothing: the process was not running in between. */
const MAX_LOOK_MS = 5;
/** Anchors kept; of readings before the first one, that holds. */
const MAX_ANCHORS = 1000;

/**
 * Which moment of the calendar a reading of the steady clock stands for. It follows the system's clock, as PostgreSQL's
 * log does: from the look on that finds the two apart. Readings from before keep their moment, so that a statement has
 * one timestamp, whenever and wherever it is published.
 */
export class Calendar {
  readonly #clocks: Clocks;
  readonly #anchors: Anchor[];

  /** @param zeroAt the moment at which the steady clock was 0 */
  constructor(clocks: Clocks, zeroAt: number) {
    this.#clocks = clocks;
    this.#anchors = [{ since: Number.NEGATIVE_INFINITY, zeroAt }];
  }

  /** Looks at both clocks, and follows that of the system. */
  follow(): void {
    const { steady, system } = this.#clocks;
    const since = steady();
    const zeroAt = system() - since;
    if (steady() - since > MAX_LOOK_MS) return;
    const drift = zeroAt - this.#anchors.at(-1)!.zeroAt;
    if (Math.abs(drift) <= TOLERANCE_MS) return;
    this.#anchors.push({ since, zeroAt });
    if (this.#anchors.length > MAX_ANCHORS) this.#anchors.shift();
  }

  /** Milliseconds since 1970 at a reading of the steady clock. */
  momentOf(reading: number): number {
    const anchor = this.#anchors.findLast(({ since }) => since <= reading) ?? this.#anchors[0]!;
    return anchor.zeroAt + reading;
  }
}

/** The calendar of this process. */
export const processCalendar = new Calendar(
  { steady: now, system: () => Date.now() },
  CLOCK_ORIGIN.timeOrigin,
);
