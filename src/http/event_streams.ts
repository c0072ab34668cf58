import type { ServerResponse } from 'node:http';

const PERIOD_MS = 1000;
/** Pages at a time. */
const MAX_STREAMS = 32;
/** How often in a row a page may not have taken the last figures before it is cut off. */
const MAX_MISSED = 10;

/** Makes the next figures, as JSON on one line. */
export type NextFigures = () => Promise<string>;

/**
 * Server-sent events: each second the figures, the same text for all who listen. Whoever does not take them gets none
 * until he has, so that what waits for him is bounded by one; and is cut off after a while. While nobody listens nothing is
 * made.
 */
export class EventStreams {
  readonly #next: NextFigures;
  readonly #periodMs: number;
  /** How many times each has missed. */
  readonly #missed = new Map<ServerResponse, number>();
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;

  constructor(next: NextFigures, periodMs: number = PERIOD_MS) {
    this.#next = next;
    this.#periodMs = periodMs;
  }

  get size(): number {
    return this.#missed.size;
  }

  /** @returns false: there are too many */
  add(response: ServerResponse): boolean {
    if (this.#missed.size >= MAX_STREAMS) return false;
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    response.write('retry: 2000\n\n');
    this.#missed.set(response, 0);
    response.on('close', () => this.#missed.delete(response));
    if (this.#timer === null) this.#schedule(0);
    return true;
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#cutOffAll();
  }

  #cutOffAll(): void {
    this.#timer = null;
    for (const response of this.#missed.keys()) response.destroy();
    this.#missed.clear();
  }

  #schedule(afterMs: number): void {
    this.#timer = setTimeout(() => void this.#send(), afterMs);
    this.#timer.unref();
  }

  async #send(): Promise<void> {
    let figures: string;
    try {
      figures = await this.#next();
    } catch {
      // The pages come back, and ask again.
      this.#cutOffAll();
      return;
    }
    if (this.#stopped) return;
    for (const [response, missed] of this.#missed) {
      if (response.writableNeedDrain) {
        if (missed >= MAX_MISSED) response.destroy();
        else this.#missed.set(response, missed + 1);
        continue;
      }
      this.#missed.set(response, 0);
      response.write(`data: ${figures}\n\n`);
    }
    this.#timer = null;
    if (this.#missed.size > 0) this.#schedule(this.#periodMs);
  }
}
