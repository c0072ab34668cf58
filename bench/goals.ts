import type { MemoryFigures } from './memory.ts';
import type { Sample } from './model.ts';
import { type Spread, spread } from './statistics.ts';
import { byRound, divide, type Figure, FIGURES, paired } from './summary.ts';
import { DIRECT } from './targets/targets.ts';

/** A goal of the project for one workload, and what was measured beside it. */
export interface Verdict {
  readonly goal: string;
  readonly workload: string;
  /** `≤ 1.10 × pgbouncer`. */
  readonly bound: string;
  /** What the bound is compared with: a ratio within each round, or a figure of its own; null: not measured. */
  readonly measured: Spread | null;
  /** What is measured has no other name: a ratio when it is null. */
  readonly unit: string | null;
  /** By the median; null when it was not measured, or does not apply. */
  readonly met: boolean | null;
  /** Why it was not judged, or what else one must know. */
  readonly remark: string | null;
}

interface Judged {
  readonly bound: string;
  readonly measured: Spread | null;
  readonly unit?: string;
  readonly met?: boolean | null;
  readonly remark?: string;
}

export interface Measured {
  readonly samples: readonly Sample[];
  readonly memory: readonly MemoryFigures[];
}

const US = 'pgnetflow';
const COPIES = ['copy-out-1k', 'copy-in-1k', 'copy-out-40', 'copy-in-40'] as const;
const MODES = ['simple', 'extended', 'prepared'] as const;
const SELECTS = [1, 16].flatMap((clients) => MODES.map((mode) => `select-${clients}-${mode}`));
const BUSY_SELECTS = MODES.map((mode) => `select-16-${mode}`);
/** PostgreSQL, one backend, is the limit where it uses so much of a CPU when nothing is between. */
const LIMIT_BUSY = 0.9;

/** Memory is flat when it does not grow by more than this between the first tenth and the end. */
const FLAT = 1.1;
const MOST_KILOBYTES_PER_SESSION = 20;

/** The goals: with the books on, one process. Judged from what was measured, never by hand. */
export function judge({ samples, memory }: Measured): readonly Verdict[] {
  const of = (workload: string, target: string, figure: Figure): ReadonlyMap<number, number> =>
    byRound(samples, workload, target, figure);
  const ratio = (workload: string, figure: Figure, one: string, other: string): Spread | null =>
    spread(paired(of(workload, one, figure), of(workload, other, figure), divide));

  const atLeast = (workload: string, figure: Figure, other: string, least: number): Judged =>
    judged(ratio(workload, figure, US, other), '≥', least, other);
  const atMost = (workload: string, figure: Figure, one: string, other: string, most: number): Judged =>
    judged(ratio(workload, figure, one, other), '≤', most, other);
  /** The faster of PgBouncer's two. */
  const bestPgbouncer = (workload: string): string => {
    const median = (target: string): number =>
      spread([...of(workload, target, FIGURES.value).values()])?.median ?? 0;
    return median('pgbouncer-64k') > median('pgbouncer') ? 'pgbouncer-64k' : 'pgbouncer';
  };
  const nearDirect = (workload: string): Judged => {
    const found = atLeast(workload, FIGURES.value, DIRECT, 0.97);
    const busy = spread([...of(workload, DIRECT, FIGURES.serverBusy).values()]);
    if (busy === null) return { ...found, met: null, remark: 'how busy PostgreSQL was is not known here' };
    const used = `PostgreSQL used ${busy.median.toFixed(2)} of a CPU directly`;
    return busy.median >= LIMIT_BUSY
      ? { ...found, remark: used }
      : { ...found, met: null, remark: `${used}, so it is not the limit` };
  };
  const latency = (figure: Figure, name: string): Judged => {
    const added = (target: string): Spread | null =>
      spread(
        paired(of('rate-1000', target, figure), of('rate-1000', DIRECT, figure), (one, base) => one - base),
      );
    const [ours, theirs] = [added(US), added('pgbouncer')];
    const bound = '≤ 1.00 × pgbouncer';
    if (ours === null || theirs === null) return { bound, measured: null };
    const both = `added to the direct ${name}: ${ours.median.toFixed(0)} µs, by pgbouncer ${theirs.median.toFixed(0)} µs`;
    const quotient = ours.median / theirs.median;
    // Below nothing, a ratio says nothing.
    const measured = theirs.median > 0 ? exactly(quotient) : null;
    return { bound, measured, met: ours.median <= theirs.median, remark: both };
  };

  return [
    ...COPIES.flatMap((workload) => [
      verdict('copy throughput', workload, atLeast(workload, FIGURES.value, 'haproxy', 1)),
      verdict('copy throughput', workload, atLeast(workload, FIGURES.value, bestPgbouncer(workload), 1)),
      verdict('copy throughput', workload, nearDirect(workload)),
    ]),
    ...COPIES.flatMap((workload) => [
      verdict('CPU per GB', workload, atMost(workload, FIGURES.cpu, US, 'haproxy', 1)),
      verdict('CPU per GB', workload, atMost(workload, FIGURES.cpu, US, 'pgbouncer', 0.6)),
    ]),
    ...SELECTS.map((workload) =>
      verdict('CPU per transaction', workload, atMost(workload, FIGURES.cpu, US, 'pgbouncer', 1.1)),
    ),
    ...BUSY_SELECTS.map((workload) =>
      verdict('transactions per second', workload, atLeast(workload, FIGURES.value, 'pgbouncer', 1)),
    ),
    verdict('added latency, p50', 'rate-1000', latency(FIGURES.p50Us, 'p50')),
    verdict('added latency, p99', 'rate-1000', latency(FIGURES.p99Us, 'p99')),
    ...COPIES.map((workload) =>
      verdict('CPU of the books', workload, atMost(workload, FIGURES.cpu, US, 'pgnetflow-off', 1.05)),
    ),
    ...SELECTS.map((workload) =>
      verdict('CPU of the books', workload, atMost(workload, FIGURES.cpu, US, 'pgnetflow-off', 1.08)),
    ),
    verdict('connect + first answer', 'connect', atMost('connect', FIGURES.value, US, DIRECT, 1.5)),
    verdict(
      'connect + first answer',
      'tls-connect',
      atMost('tls-connect', FIGURES.value, 'pgnetflow-tls', DIRECT, 1.5),
    ),
    ...memory.flatMap((figures) => ofMemory(figures).map((found) => verdict('memory', figures.name, found))),
  ];
}

function judged(measured: Spread | null, sign: '≤' | '≥', limit: number, other: string): Judged {
  const bound = `${sign} ${limit.toFixed(2)} × ${other}`;
  if (measured === null) return { bound, measured };
  return { bound, measured, met: sign === '≤' ? measured.median <= limit : measured.median >= limit };
}

function ofMemory(figures: MemoryFigures): readonly Judged[] {
  if (figures.kind === 'failed') return [{ bound: figures.about, measured: null, remark: figures.reason }];
  if (figures.kind === 'flat') {
    return [judged(exactly(figures.after / figures.early), '≤', FLAT, 'that of the first tenth')];
  }
  const { sessions, wanted } = figures;
  const kilobytes = figures.bytesEach / 1024;
  const isAll = sessions >= wanted;
  return [
    {
      bound: `≤ ${MOST_KILOBYTES_PER_SESSION} KB per idle session`,
      measured: exactly(kilobytes),
      unit: 'KB',
      met: kilobytes <= MOST_KILOBYTES_PER_SESSION,
    },
    {
      bound: `${wanted} idle sessions hold`,
      measured: exactly(sessions),
      unit: 'sessions',
      met: isAll ? true : null,
      ...(!isAll && { remark: 'all held; ulimit -n allows no more here' }),
    },
  ];
}

function exactly(value: number): Spread {
  return { median: value, lowest: value, highest: value };
}

function verdict(goal: string, workload: string, found: Judged): Verdict {
  const { bound, measured, unit = null, met = null, remark = null } = found;
  return { goal, workload, bound, measured, unit, met, remark };
}
