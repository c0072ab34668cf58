import { PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { spread } from '../statistics.ts';

/** What one step costs. */
export interface Cost {
  readonly ns: number;
  /** Growth of JavaScript's heap per step, measured over a stretch without a garbage collection. */
  readonly heapBytes: number;
  /** The same of the memory of Buffers outside of the heap. */
  readonly externalBytes: number;
}

const TIMED_RUNS = 7;
const TIMED_MS = 100;

/**
 * Measures `run`, which does so many steps in a row: time as the median of several runs, memory by what the heap
 * has grown when nothing was collected in between.
 */
export async function measureCost(run: (steps: number) => void): Promise<Cost> {
  const steps = stepsOf(run, TIMED_MS);
  const durations = Array.from({ length: TIMED_RUNS }, () => durationMs(run, steps));
  return { ns: (spread(durations)!.median * 1e6) / steps, ...(await growth(run, steps)) };
}

async function growth(
  run: (steps: number) => void,
  mostSteps: number,
): Promise<Pick<Cost, 'heapBytes' | 'externalBytes'>> {
  for (let steps = mostSteps; steps >= 1; steps = Math.floor(steps / 2)) {
    let collections = 0;
    const observer = new PerformanceObserver((list) => {
      collections += list.getEntries().length;
    });
    collectGarbage();
    await nextTurn();
    observer.observe({ entryTypes: ['gc'] });
    const before = process.memoryUsage();
    run(steps);
    const after = process.memoryUsage();
    await nextTurn();
    await nextTurn();
    observer.disconnect();
    if (collections > 0) continue;
    return {
      heapBytes: Math.max(0, after.heapUsed - before.heapUsed) / steps,
      externalBytes: Math.max(0, after.arrayBuffers - before.arrayBuffers) / steps,
    };
  }
  throw new Error('one step alone makes V8 collect garbage');
}

/** As many steps as take about `ms`; on the way there the code gets optimized. */
export function stepsOf(run: (steps: number) => void, ms: number): number {
  let steps = 1;
  for (;;) {
    const took = durationMs(run, steps);
    if (took >= ms) return steps;
    steps = Math.ceil(steps * Math.min(10, Math.max(1.2, ms / Math.max(took, 0.001))));
  }
}

/** CPU time: what others do on the machine in the meantime is theirs. */
function durationMs(run: (steps: number) => void, steps: number): number {
  const before = process.cpuUsage();
  run(steps);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function collectGarbage(): void {
  if (globalThis.gc === undefined) throw new Error('run it with npm run bench:micro, or node --expose-gc');
  globalThis.gc();
}
