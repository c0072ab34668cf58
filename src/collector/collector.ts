import type { ReportRecord } from '../report/model.ts';
import type { ReportExtent } from '../report/report_record.ts';

/** What a reader asks for. */
export interface Inquiry extends ReportExtent {
  /** Milliseconds that the figures may be old; 0: those of this moment. */
  readonly maxAgeMs: number;
}

/**
 * Where readers get their figures: the report, the console, metrics.
 *
 * A snapshot is consistent: all its figures are those of one moment, no row is half old. It is plain data, so that it
 * may come from another thread, and it is shared: a reader must not change it.
 */
export interface Collector {
  inquire(inquiry: Inquiry): Promise<ReportRecord>;
}

/** What knows the figures of this moment. */
export interface FiguresSource {
  report(extent: ReportExtent): ReportRecord;
}

interface Latest {
  readonly at: number;
  readonly report: ReportRecord;
}

/** A collector of figures that are all in this thread. */
export class LocalCollector implements Collector {
  readonly #source: FiguresSource;
  /** Milliseconds of a steady clock. */
  readonly #now: () => number;
  readonly #latest = new Map<string, Latest>();

  constructor(source: FiguresSource, now: () => number = () => performance.now()) {
    this.#source = source;
    this.#now = now;
  }

  async inquire({ maxAgeMs, ...extent }: Inquiry): Promise<ReportRecord> {
    const at = this.#now();
    const key = `${extent.statements} ${extent.fingerprints}`;
    const latest = this.#latest.get(key);
    if (latest !== undefined && at - latest.at < maxAgeMs) return latest.report;
    const report = this.#source.report(extent);
    this.#latest.set(key, { at, report });
    return report;
  }
}
