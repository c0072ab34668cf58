import { escapeLine } from '../report/escape.ts';
import { formatBytes, formatDuration } from '../report/units.ts';
import type { BenchCopyRecord, Middle } from './figures.ts';

/** From here on a client with one thread has no CPU left. */
const BUSY = 0.9;

/** The figures for people, whole lines. */
export function renderBenchCopy(record: BenchCopyRecord): string {
  const { statement, rounds, rows, bytes, server_version, node, version, waits } = record;
  const perSecond = (value: number): string => `${formatBytes(value)}/s`;
  const lines = [
    escapeLine(statement),
    `${rows ?? 'unknown'} rows, ${formatBytes(bytes)}; ${rounds} rounds, straight and through pgnetflow in turns`,
    `PostgreSQL ${server_version ?? 'of unknown version'}, pgnetflow ${version}, Node ${node}`,
    '',
    row('', 'median', 'lowest', 'highest'),
    figures('straight', record.direct_bytes_per_s, perSecond),
    figures('through pgnetflow', record.through_bytes_per_s, perSecond),
    figures('speed, straight = 1', record.ratio, (value) => value.toFixed(2)),
    figures("pgnetflow's CPU s per GB", record.proxy_cpu_s_per_gb, (value) => value.toFixed(2)),
    '',
    `who waited for whom, of ${formatDuration(waits.duration_us)} through pgnetflow`,
    part(waits.server_us, waits.duration_us, 'server: until its first byte, less a round trip'),
    part(waits.network_us, waits.duration_us, 'network: one round trip from pgnetflow to the server'),
    part(waits.client_us, waits.duration_us, 'client: it did not take what the server had sent'),
    part(waits.streaming_us, waits.duration_us, 'the rest: the server sent, or its network carried'),
  ];
  const busy = record.client_cpus.median;
  if (record.tiny)
    lines.push(
      '',
      `${formatBytes(bytes)} are too few to measure with: these figures mean nothing.`,
      'Copy more: more --rows, and a --query that has them.',
    );
  if (busy >= BUSY && !record.tiny)
    lines.push(
      '',
      `The client used ${busy.toFixed(2)} of a CPU with nothing between: it is the limit itself.`,
    );
  if (!record.balanced)
    lines.push('', 'UNBALANCED: the books of the session do not add up; please report it.');
  return `${lines.join('\n')}\n`;
}

function figures(
  name: string,
  { median, lowest, highest }: Middle,
  format: (value: number) => string,
): string {
  return row(name, ...[median, lowest, highest].map(format));
}

function row(name: string, ...cells: readonly string[]): string {
  return `${name.padEnd(26)}${cells.map((text) => text.padStart(12)).join('')}`;
}

function part(us: number, ofUs: number, what: string): string {
  const share = ofUs === 0 ? 0 : (us / ofUs) * 100;
  return `${formatDuration(us).padStart(8)} ${`${share.toFixed(0)} %`.padStart(6)}  ${what}`;
}
