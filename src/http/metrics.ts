import { querySummary } from '../account/query_summary.ts';
import type { FingerprintRecord, ReportRecord } from '../report/model.ts';
import { type Family, type HistogramSample, printable, type Sample } from './exposition.ts';
import {
  DATABASE_METRICS,
  MAX_QUERY_CHARACTERS,
  PROXY_METRICS,
  STATEMENT_HISTOGRAMS,
  STATEMENT_INFO,
  STATEMENT_METRICS,
} from './metric_tables.ts';
import { StickyTop } from './sticky_top.ts';

/** What comes from this process, not from the books. */
export interface ProcessFigures {
  readonly startedAt: number;
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly lag: HistogramSample;
}

/** Makes the metrics of one proxy; it remembers which statements it has exported. */
export class Metrics {
  readonly #top: StickyTop;
  readonly #labels = new Map<string | null, Readonly<Record<string, string>>>([
    [null, { fingerprint: 'other', summary: 'other' }],
  ]);

  /** @param statements how many are exported with figures of their own */
  constructor(statements: number) {
    this.#top = new StickyTop(statements, statementFigures);
  }

  families(report: ReportRecord, process: ProcessFigures): Family[] {
    return [
      ...PROXY_METRICS.map((metric) => ({ ...metric, samples: metric.samples(report) })),
      ...databaseFamilies(report),
      ...this.#statements(report),
      ...processFamilies(process),
    ];
  }

  *#statements({ statements }: ReportRecord): Generator<Family> {
    const rows = this.#top.rows(statements);
    const samples = new Map<string, Sample[]>();
    for (const [at, { name, labels }] of STATEMENT_METRICS.entries()) {
      const found = rows.map(({ fingerprint, query, figures }) => ({
        labels: { ...this.#labelsOf(fingerprint, query), ...labels },
        value: rounded(figures[at]!),
      }));
      samples.set(name, [...(samples.get(name) ?? []), ...found]);
    }
    for (const [name, found] of samples) {
      const { unit, help } = STATEMENT_METRICS.find((metric) => metric.name === name)!;
      yield { name, unit, help, type: 'counter', samples: found };
    }
    let at = STATEMENT_METRICS.length;
    for (const { name, unit, help, bounds, sum } of STATEMENT_HISTOGRAMS) {
      const from = at;
      at += bounds.length + 2;
      yield {
        name,
        unit,
        help,
        type: 'histogram',
        samples: rows.map(({ fingerprint, query, figures }) => ({
          labels: this.#labelsOf(fingerprint, query),
          buckets: [...bounds, Infinity].map((le, index) => ({ le, count: figures[from + index]! })),
          sum: sum === null ? null : rounded(figures[from + bounds.length + 1]!),
        })),
      };
    }
    yield {
      ...STATEMENT_INFO,
      type: 'info',
      samples: rows
        .filter(({ fingerprint }) => fingerprint !== null)
        .map(({ fingerprint, query }) => ({
          labels: { fingerprint: fingerprint!, query: cut(query ?? '') },
          value: 1,
        })),
    };
  }

  #labelsOf(fingerprint: string | null, query: string | null): Readonly<Record<string, string>> {
    const known = this.#labels.get(fingerprint);
    if (known !== undefined) return known;
    const labels = {
      fingerprint: fingerprint ?? 'other',
      summary: query === null ? '' : querySummary(query),
    };
    this.#labels.set(fingerprint, labels);
    return labels;
  }
}

/** In the order of the tables: of a histogram its buckets, all calls, and the sum. */
function statementFigures(record: FingerprintRecord): number[] {
  return [
    ...STATEMENT_METRICS.map(({ value }) => value(record)),
    ...STATEMENT_HISTOGRAMS.flatMap(({ counts, sum }) => [
      ...counts(record),
      record.calls,
      sum?.(record) ?? 0,
    ]),
  ];
}

function databaseFamilies({ databases }: ReportRecord): Family[] {
  return DATABASE_METRICS.map(({ value, ...description }) => {
    // Two rows may have the same labels: those without names are sessions that never said theirs and what was added up,
    // and a client may call itself anything. A series that is there twice would spoil the whole scrape.
    const values = new Map<string, Sample>();
    for (const sum of databases) {
      const labels = { database: printable(sum.database ?? ''), user: printable(sum.user ?? '') };
      const key = `${labels.database}\0${labels.user}`;
      values.set(key, { labels, value: (values.get(key)?.value ?? 0) + value(sum) });
    }
    return { ...description, samples: values.values() };
  });
}

/** Metrics of the process, and their descriptions. */
export function processFamilies(process: ProcessFigures): Family[] {
  return [
    {
      name: 'pgnetflow_event_loop_lag_seconds',
      type: 'histogram',
      unit: 'seconds',
      help: 'How late the main thread comes to what is due, looked at ten times a second. Sessions that it serves wait as long.',
      samples: [process.lag],
    },
    {
      name: 'process_cpu_seconds',
      type: 'counter',
      unit: 'seconds',
      help: 'CPU time of the process, user and system.',
      samples: [{ value: process.cpuSeconds }],
    },
    {
      name: 'process_resident_memory_bytes',
      type: 'gauge',
      unit: 'bytes',
      help: 'Memory that the process has in use.',
      samples: [{ value: process.residentBytes }],
    },
    {
      name: 'process_start_time_seconds',
      type: 'gauge',
      unit: 'seconds',
      help: 'When the process started, in seconds since 1970.',
      samples: [{ value: process.startedAt }],
    },
  ];
}

/** To the microsecond: sums of binary fractions have a tail that says nothing. */
function rounded(value: number): number {
  return Number.isInteger(value) ? value : Math.round(value * 1_000_000) / 1_000_000;
}

function cut(text: string): string {
  return text.length <= MAX_QUERY_CHARACTERS ? text : `${text.slice(0, MAX_QUERY_CHARACTERS - 1)}…`;
}
