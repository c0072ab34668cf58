import type { Collector } from '../collector/collector.ts';
import type { ReportRecord } from '../report/model.ts';

/** Whoever asks more often gets the same figures again. */
const MIN_AGE_MS = 900;
/** Of the time, at most the twentieth goes into figures, however many sessions there are and however many ask. */
const COST_FACTOR = 20;
/** An answer that was at hand takes less, and says nothing about what the next one costs. */
const AT_HAND_MS = 0.2;

/** Figures for all who look, at a bounded cost: those who are looked at must not notice it. */
export class FiguresReader {
  readonly #collector: Collector;
  #costMs = 0;

  constructor(collector: Collector) {
    this.#collector = collector;
  }

  async read(): Promise<ReportRecord> {
    const maxAgeMs = Math.max(MIN_AGE_MS, this.#costMs * COST_FACTOR);
    const before = performance.now();
    const report = await this.#collector.inquire({
      maxAgeMs,
      statements: 'open',
      fingerprints: true,
      histograms: true,
    });
    const costMs = performance.now() - before;
    if (costMs > AT_HAND_MS) this.#costMs = costMs;
    return report;
  }
}
