import type { ReportRecord } from '../report/model.ts';
import type { ReportExtent } from '../report/figures.ts';

/** What a reader asks for. */
export interface Inquiry extends ReportExtent {
  /** Milliseconds that the figures may be old; 0: those of this moment. */
  readonly maxAgeMs: number;
}

/**
 * Where readers get their figures: the report, the console, metrics.
 *
 * A snapshot is consistent: no row is half old, and what is added up is the sum of the rows. It is taken in slices, so that
 * no byte waits for who looks: one row may be some milliseconds younger than another. It is plain data, and it is shared: a
 * reader must not change it.
 */
export interface Collector {
  inquire(inquiry: Inquiry): Promise<ReportRecord>;
}

/** What knows the figures of this moment. */
export interface FiguresSource {
  /** None of them is older than this call. */
  figures(extent: ReportExtent): Promise<ReportRecord>;
}

interface Latest {
  readonly at: number;
  readonly report: Promise<ReportRecord>;
}

/** Asks a source no more often than its readers need. */
export class CachingCollector implements Collector {
  readonly #source: FiguresSource;
  /** Milliseconds of a steady clock. */
  readonly #now: () => number;
  readonly #latest = new Map<string, Latest>();

  constructor(source: FiguresSource, now: () => number = () => performance.now()) {
    this.#source = source;
    this.#now = now;
  }

  inquire({ maxAgeMs, ...extent }: Inquiry): Promise<ReportRecord> {
    const at = this.#now();
    const key = `${extent.statements} ${extent.fingerprints} ${extent.histograms === true}`;
    const latest = this.#latest.get(key);
    if (latest !== undefined && at - latest.at < maxAgeMs) return latest.report;
    const report = this.#source.figures(extent);
    this.#latest.set(key, { at, report });
    // Who asks next must not be told of a failure of then.
    report.catch(() => this.#latest.delete(key));
    return report;
  }
}
