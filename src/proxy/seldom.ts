import type { Logger } from 'pino';

const INTERVAL_MS = 10_000;

/**
 * Logs what a flood would repeat: the first at once, and then a line every ten seconds at most, which says how many
 * there were in between.
 */
export class SeldomLog {
  readonly #log: Logger;
  #nextAt = 0;
  #unsaid = 0;

  constructor(log: Logger) {
    this.#log = log;
  }

  warn(message: string, now: number): void {
    if (now < this.#nextAt) {
      this.#unsaid += 1;
      return;
    }
    const more = this.#unsaid === 0 ? '' : ` (and ${this.#unsaid} more since this was last logged)`;
    this.#nextAt = now + INTERVAL_MS;
    this.#unsaid = 0;
    this.#log.warn(`${message}${more}`);
  }
}
