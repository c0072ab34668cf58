import type { HistogramSample } from './exposition.ts';

/** How often the main thread is asked to do something at a given moment. */
const PERIOD_MS = 100;
/** Seconds. */
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5] as const;

/** How late the main thread comes to what is due: every session that it serves waits as long. */
export class EventLoopLag {
  readonly #counts = [...BOUNDS, Infinity].map(() => 0);
  #sum = 0;
  #due = 0;
  #timer: NodeJS.Timeout | null = null;

  start(): void {
    this.#due = performance.now() + PERIOD_MS;
    this.#timer = setTimeout(() => {
      this.#record(Math.max(performance.now() - this.#due, 0) / 1000);
      this.start();
    }, PERIOD_MS);
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  sample(): HistogramSample {
    let count = 0;
    const buckets = [...BOUNDS, Infinity].map((le, at) => ({ le, count: (count += this.#counts[at]!) }));
    return { buckets, sum: this.#sum };
  }

  #record(seconds: number): void {
    const at = BOUNDS.findIndex((bound) => seconds <= bound);
    this.#counts[at < 0 ? BOUNDS.length : at]! += 1;
    this.#sum += seconds;
  }
}
