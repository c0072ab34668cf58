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
}

export function summarize(workload: Workload, target: string, samples: readonly Sample[]): Summary {
  const { metric } = workload;
  const of = (name: string): Sample[] =>
    samples.filter((sample) => sample.workload === workload.name && sample.target === name);
  const own = of(target);
  const direct = new Map(of(DIRECT).map((sample) => [sample.round, sample.value]));
  return {
    workload: workload.name,
    target,
    ratio: spread(
      own.flatMap(({ round, value }) => {
        const base = direct.get(round);
        if (base === undefined) return [];
        return [metric.better === 'more' ? value / base : base / value];
      }),
    ),
    value: spread(own.map(({ value }) => value)),
    cpu: spread(
      own.flatMap(({ targetCpuSeconds: seconds, work }) =>
        seconds === null ? [] : [(seconds / work) * metric.cpuScale],
      ),
    ),
    clientBusy: spread(own.map(({ clientCpuSeconds, seconds }) => clientCpuSeconds / seconds)),
  };
}
