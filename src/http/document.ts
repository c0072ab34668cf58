import type { Description } from './exposition.ts';
import { processFamilies } from './metrics.ts';
import {
  DATABASE_METRICS,
  PROXY_METRICS,
  STATEMENT_HISTOGRAMS,
  STATEMENT_INFO,
  STATEMENT_METRICS,
} from './metric_tables.ts';

interface Row extends Description {
  readonly type: string;
  readonly labels: readonly string[];
}

/** The tables of docs/metrics.md, made from the tables of metrics. */
export function metricsReference(): string {
  const lag = { buckets: [], sum: 0 };
  const ofProcess = processFamilies({ startedAt: 0, cpuSeconds: 0, residentBytes: 0, lag });
  const statement = ['fingerprint', 'summary'];
  return [
    section('The whole proxy', PROXY_METRICS),
    section(
      'Sessions of each database and user',
      DATABASE_METRICS.map((metric) => ({ ...metric, labels: ['database', 'user'] })),
    ),
    section('Each exported statement', [
      ...STATEMENT_METRICS.map(({ labels = {}, ...metric }) => ({
        ...metric,
        type: 'counter',
        labels: [...statement, ...Object.keys(labels)],
      })),
      ...STATEMENT_HISTOGRAMS.map((metric) => ({ ...metric, type: 'histogram', labels: statement })),
      { ...STATEMENT_INFO, type: 'info', labels: ['fingerprint', 'query'] },
    ]),
    section(
      'The process',
      ofProcess.map((family) => ({ ...family, labels: [] })),
    ),
  ].join('\n\n');
}

function section(title: string, metrics: readonly Row[]): string {
  const rows = new Map(metrics.map((metric) => [metric.name, metric]));
  return [
    `### ${title}`,
    '',
    '| metric | type | labels | what it says |',
    '| --- | --- | --- | --- |',
    ...[...rows.values()].map(row),
  ].join('\n');
}

const SUFFIXES: Readonly<Record<string, string>> = { counter: '_total', info: '_info' };

function row({ name, type, labels, help }: Row): string {
  const all = labels.map((label) => `\`${label}\``).join(', ');
  return `| \`${name}${SUFFIXES[type] ?? ''}\` | ${type} | ${all || '–'} | ${help.replaceAll('|', '\\|')} |`;
}
