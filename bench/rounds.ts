import type { Children } from './children.ts';
import { treeCpuSeconds } from './cpu.ts';
import type { Endpoint, Sample, Skipped } from './model.ts';
import { endpointFor, type Target } from './targets/targets.ts';
import type { Workload } from './workloads/workload.ts';

/**
 * Of a full run's work, that each target gets before anything is measured: Node compiles what it finds to be hot, caches
 * are filled. No less in a quick run, where half-compiled code would be all that is measured.
 */
const WARM_UP = 1 / 10;

/** Rounds that are run even when time is up: with fewer there is no spread. */
const LEAST_ROUNDS = 2;

export interface Plan {
  readonly rounds: number;
  /** Of a full run's work. */
  readonly size: number;
  /** When to start no further round, by `performance.now()`; never unless given. */
  readonly endByMs?: number;
  /** The process of PostgreSQL; null where its CPU time is not wanted. */
  readonly serverPid?: number;
}

export interface Results {
  readonly samples: readonly Sample[];
  readonly skipped: readonly Skipped[];
}

/**
 * Puts one workload on all targets, in rounds that run to and fro (direct, proxy, proxy, direct, …): whatever else the
 * machine does in the meantime, and the order itself, meets all targets alike. A target that fails is left out from
 * there on; rounds for which there is no time left are named.
 */
export async function measureInRounds(
  workload: Workload,
  targets: readonly Target[],
  { rounds, size, endByMs = Infinity, serverPid }: Plan,
  children: Children,
  progress: (line: string) => void,
): Promise<Results> {
  const samples: Sample[] = [];
  const skipped: Skipped[] = [];
  const failed = new Set<Target>();
  const work = workload.work * size;

  const attempt = async (target: Target, run: (at: Endpoint) => Promise<void>): Promise<void> => {
    const endpoint = endpointFor(target, workload.tls === true);
    if (failed.has(target) || endpoint === null) return;
    try {
      await run(endpoint);
    } catch (error) {
      failed.add(target);
      const reason = error instanceof Error ? error.message : String(error);
      skipped.push({ what: `${workload.name} through ${target.name}`, reason, failed: true });
      progress(`${workload.name} through ${target.name} failed: ${reason}`);
    }
  };

  for (const target of targets) {
    await attempt(target, async (at) => {
      await workload.measure(at, workload.work * WARM_UP, children);
    });
  }
  const startedAtMs = performance.now();
  for (let round = 1; round <= rounds; round += 1) {
    const nowMs = performance.now();
    const roundMs = (nowMs - startedAtMs) / (round - 1);
    if (round > LEAST_ROUNDS && nowMs + roundMs > endByMs) {
      const reason = `${round - 1} of ${rounds} rounds, for its time was up`;
      skipped.push({ what: workload.name, reason, failed: false });
      break;
    }
    for (const target of round % 2 === 1 ? targets : targets.toReversed()) {
      await attempt(target, async (at) => {
        const targetCpu = cpuMeter(target.pid);
        const serverCpu = cpuMeter(serverPid ?? null);
        const measurement = await workload.measure(at, work, children);
        const [targetCpuSeconds, serverCpuSeconds] = [targetCpu(), serverCpu()];
        samples.push({
          workload: workload.name,
          target: target.name,
          round,
          ...measurement,
          targetCpuSeconds,
          serverCpuSeconds,
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

/** @returns tells the CPU seconds that a process and its descendants have used since; null where that is not known */
function cpuMeter(pid: number | null): () => number | null {
  const now = (): number | null => (pid === null ? null : treeCpuSeconds(pid));
  const before = now();
  return () => {
    const after = now();
    return before === null || after === null ? null : after - before;
  };
}
