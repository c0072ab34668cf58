import type { Sample } from './model.ts';
import { type Spread, spread } from './statistics.ts';
import { DIRECT } from './targets/targets.ts';
import type { Workload } from './workloads/workload.ts';

/** What all rounds of one workload through one target say. Null: not measured. */
export interface Summary {
  readonly workload: string;
  readonly target: string;
  /** Speed as a part of the direct one of the same round: 1 is as fast, 0.5 half as fast. */
  readonly ratio: Spread | null;
  /** In the unit of the workload's metric. */
  readonly value: Spread | null;
  /** CPU time of the target per unit of work, in the metric's `cpuUnit`. */
  readonly cpu: Spread | null;
  /** Part of the time in which the client used a CPU. */
  readonly clientBusy: Spread | null;
  /** CPUs that PostgreSQL used. */
  readonly serverBusy: Spread | null;
  /** Quantiles of the latency in µs, and what they are beyond the direct ones of the same round. */
  readonly p50Us: Spread | null;
  readonly p99Us: Spread | null;
  readonly addedP50Us: Spread | null;
  readonly addedP99Us: Spread | null;
}

/** One figure of a sample; null when it was not taken. */
export type Figure = (sample: Sample) => number | null;

export const FIGURES = {
  value: ({ value }) => value,
  cpu: ({ targetCpuSeconds: seconds, work }) => (seconds === null ? null : seconds / work),
  clientBusy: ({ clientCpuSeconds, seconds }) => clientCpuSeconds / seconds,
  serverBusy: ({ serverCpuSeconds, seconds }) =>
    serverCpuSeconds === null ? null : serverCpuSeconds / seconds,
  p50Us: ({ latencyUs }) => latencyUs?.p50 ?? null,
  p99Us: ({ latencyUs }) => latencyUs?.p99 ?? null,
} as const satisfies Record<string, Figure>;

/** A figure of one target in each round in which it was taken. */
export function byRound(
  samples: readonly Sample[],
  workload: string,
  target: string,
  figure: Figure,
): ReadonlyMap<number, number> {
  const found = new Map<number, number>();
  for (const sample of samples) {
    if (sample.workload !== workload || sample.target !== target) continue;
    const value = figure(sample);
    if (value !== null) found.set(sample.round, value);
  }
  return found;
}

/** Two targets' figures of the same round, put together; rounds that only one of them has are left out. */
export function paired(
  one: ReadonlyMap<number, number>,
  other: ReadonlyMap<number, number>,
  together: (one: number, other: number) => number,
): number[] {
  return [...one].flatMap(([round, value]) => {
    const base = other.get(round);
    return base === undefined ? [] : [together(value, base)];
  });
}

export function divide(one: number, other: number): number {
  return one / other;
}

export function summarize({ name, metric }: Workload, target: string, samples: readonly Sample[]): Summary {
  const own = (figure: Figure): ReadonlyMap<number, number> => byRound(samples, name, target, figure);
  const direct = (figure: Figure): ReadonlyMap<number, number> => byRound(samples, name, DIRECT, figure);
  const over = (figure: Figure): Spread | null => spread([...own(figure).values()]);
  const added = (figure: Figure): Spread | null =>
    spread(paired(own(figure), direct(figure), (through, base) => through - base));
  const speed = (value: number, base: number): number =>
    metric.better === 'more' ? value / base : base / value;
  return {
    workload: name,
    target,
    ratio: spread(paired(own(FIGURES.value), direct(FIGURES.value), speed)),
    value: over(FIGURES.value),
    cpu: spread([...own(FIGURES.cpu).values()].map((seconds) => seconds * metric.cpuScale)),
    clientBusy: over(FIGURES.clientBusy),
    serverBusy: over(FIGURES.serverBusy),
    p50Us: over(FIGURES.p50Us),
    p99Us: over(FIGURES.p99Us),
    addedP50Us: added(FIGURES.p50Us),
    addedP99Us: added(FIGURES.p99Us),
  };
}
