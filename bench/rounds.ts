import type { Children } from './children.ts';
import { treeCpuSeconds } from './cpu.ts';
import type { Sample, Skipped } from './model.ts';
import type { Target } from './targets/targets.ts';
import type { Workload } from './workloads/workload.ts';

/**
 * Of a full run's work, that each target gets before anything is measured: Node compiles what it finds to be hot, caches
 * are filled. No less in a quick run, where half-compiled code would be all that is measured.
 */
const WARM_UP = 1 / 10;

export interface Results {
  readonly samples: readonly Sample[];
  readonly skipped: readonly Skipped[];
}

/**
 * Puts one workload on all targets, in rounds that run to and fro (direct, proxy, proxy, direct, …): whatever else the
 * machine does in the meantime, and the order itself, meets all targets alike. A target that fails is left out from
 * there on.
 */
export async function measureInRounds(
  workload: Workload,
  targets: readonly Target[],
  { rounds, size }: { readonly rounds: number; readonly size: number },
  children: Children,
  progress: (line: string) => void,
): Promise<Results> {
  const samples: Sample[] = [];
  const skipped: Skipped[] = [];
  const failed = new Set<Target>();
  const work = workload.work * size;

  const attempt = async (target: Target, run: () => Promise<void>): Promise<void> => {
    if (failed.has(target)) return;
    try {
      await run();
    } catch (error) {
      failed.add(target);
      const reason = error instanceof Error ? error.message : String(error);
      skipped.push({ what: `${workload.name} through ${target.name}`, reason, failed: true });
      progress(`${workload.name} through ${target.name} failed: ${reason}`);
    }
  };

  for (const target of targets) {
    await attempt(target, async () => {
      await workload.measure(target.endpoint, workload.work * WARM_UP, children);
    });
  }
  for (let round = 1; round <= rounds; round += 1) {
    for (const target of round % 2 === 1 ? targets : targets.toReversed()) {
      await attempt(target, async () => {
        const cpu = (): number | null => (target.pid === null ? null : treeCpuSeconds(target.pid));
        const before = cpu();
        const measurement = await workload.measure(target.endpoint, work, children);
        const after = cpu();
        const targetCpuSeconds = before === null || after === null ? null : after - before;
        samples.push({
          workload: workload.name,
          target: target.name,
          round,
          ...measurement,
          targetCpuSeconds,
        });
        const { value } = measurement;
        progress(
          `${workload.name} ${round}/${rounds} ${target.name}: ${value.toPrecision(4)} ${workload.metric.unit}`,
        );
      });
    }
  }
  return { samples, skipped };
}
