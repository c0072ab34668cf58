import type { Logger } from 'pino';

const INTERVAL_MS = 10_000;

/**
 * Logs what a flood would repeat: of each topic the first line at once, and then one every ten seconds at most, which
 * says how many there were in between.
 */
export class SeldomLog<Topic extends string> {
  readonly #log: Logger;
  readonly #topics = new Map<Topic, { nextAt: number; unsaid: number }>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** @param details fields of the line beside its message */
  warn(topic: Topic, message: string, now: number, details: object = {}): void {
    const last = this.#topics.get(topic);
    if (last !== undefined && now < last.nextAt) {
      last.unsaid += 1;
      return;
    }
    const more =
      last === undefined || last.unsaid === 0 ? '' : ` (and ${last.unsaid} more since this was last logged)`;
    this.#topics.set(topic, { nextAt: now + INTERVAL_MS, unsaid: 0 });
    this.#log.warn(details, `${message}${more}`);
  }
}
