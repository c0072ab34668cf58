/** One line of a metric; `suffix` stands behind the name of its family. */
export interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** One bucket of a histogram: how many values were at most `le`. */
export interface Bucket {
  readonly le: number;
  readonly count: number;
  /** One value of this bucket, and whose it was. OpenMetrics only. */
  readonly exemplar?: { readonly labels: Readonly<Record<string, string>>; readonly value: number };
}

export interface HistogramSample {
  readonly labels?: Readonly<Record<string, string>>;
  /** The last one is that of `le` Infinity. */
  readonly buckets: readonly Bucket[];
  /** Null: it is not known, and left out with the count. */
  readonly sum: number | null;
}

/** What all samples of one metric have in common. */
export interface Description {
  /** Without `_total` and its like; ends in its unit, if it has one. */
  readonly name: string;
  readonly unit: 'bytes' | 'seconds' | null;
  readonly help: string;
}

/** A metric with its samples. */
export type Family = Description &
  (
    | { readonly type: 'counter' | 'gauge' | 'info'; readonly samples: Iterable<Sample> }
    | { readonly type: 'histogram'; readonly samples: Iterable<HistogramSample> }
  );

/** OpenMetrics 1.0 (https://prometheus.io/docs/specs/om/open_metrics_spec/), or the older Prometheus text format 0.0.4. */
export type Format = 'openmetrics' | 'prometheus';

export const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
};

/** The metrics as a scrape takes them. Families without samples are left out. */
export function exposition(families: Iterable<Family>, format: Format): string {
  const lines: string[] = [];
  for (const family of families) {
    const samples = [...sampleLines(family, format)];
    if (samples.length > 0) lines.push(...headerLines(family, format), ...samples);
  }
  if (format === 'openmetrics') lines.push('# EOF');
  return `${lines.join('\n')}\n`;
}

function headerLines({ name, type, unit, help }: Family, format: Format): string[] {
  const text = escapeHelp(help, format);
  if (format === 'openmetrics') {
    const lines = [`# TYPE ${name} ${type}`, `# HELP ${name} ${text}`];
    return unit === null ? lines : [lines[0]!, `# UNIT ${name} ${unit}`, lines[1]!];
  }
  const full = type === 'counter' || type === 'info' ? sampleName(name, type) : name;
  return [`# HELP ${full} ${text}`, `# TYPE ${full} ${type === 'info' ? 'gauge' : type}`];
}

function sampleName(name: string, type: 'counter' | 'gauge' | 'info'): string {
  if (type === 'gauge') return name;
  return type === 'counter' ? `${name}_total` : `${name}_info`;
}

function* sampleLines(family: Family, format: Format): Generator<string> {
  if (family.type !== 'histogram') {
    const name = sampleName(family.name, family.type);
    for (const { labels, value } of family.samples) yield `${name}${labelSet(labels)} ${number(value)}`;
    return;
  }
  for (const { labels, buckets, sum } of family.samples) {
    for (const { le, count, exemplar } of buckets) {
      const line = `${family.name}_bucket${labelSet({ ...labels, le: bound(le) })} ${number(count)}`;
      yield exemplar === undefined || format === 'prometheus'
        ? line
        : `${line} # ${labelSet(exemplar.labels) || '{}'} ${number(exemplar.value)}`;
    }
    if (sum === null) continue;
    yield `${family.name}_count${labelSet(labels)} ${number(buckets.at(-1)?.count ?? 0)}`;
    yield `${family.name}_sum${labelSet(labels)} ${number(sum)}`;
  }
}

function labelSet(labels: Readonly<Record<string, string>> = {}): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

/** Valid UTF-8 without control characters but line breaks, whatever a client calls itself. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Surrogate}|[^\P{Control}\n]/gu, '\uFFFD');
}

function escapeLabel(value: string): string {
  return printable(value).replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function escapeHelp(text: string, format: Format): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return format === 'openmetrics' ? escaped.replaceAll('"', '\\"') : escaped;
}

function number(value: number): string {
  if (value === Infinity) return '+Inf';
  return Number.isNaN(value) ? 'NaN' : String(value);
}

/** OpenMetrics has `le="1.0"`, never `le="1"`, so that a bucket has one name only. */
function bound(le: number): string {
  return Number.isInteger(le) ? `${le}.0` : number(le);
}
