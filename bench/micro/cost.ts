import { PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Does so many steps in a row. */
export type Run = (steps: number) => void;

/**
 * Bytes that one step allocates, of JavaScript's heap and of Buffers outside of it: what memory has grown by over
 * `mostSteps` steps, or as many as go without a garbage collection.
 */
export async function allocatedBytes(run: Run, mostSteps: number): Promise<number> {
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
    const heap = Math.max(0, after.heapUsed - before.heapUsed);
    return (heap + Math.max(0, after.arrayBuffers - before.arrayBuffers)) / steps;
  }
  throw new Error('one step alone makes V8 collect garbage');
}

/** As many steps as take about `ms`; on the way there the code gets optimized. */
export function stepsOf(run: Run, ms: number): number {
  let steps = 1;
  for (;;) {
    const took = cpuMs(run, steps);
    if (took >= ms) return steps;
    steps = Math.ceil(steps * Math.min(10, Math.max(1.2, ms / Math.max(took, 0.001))));
  }
}

/** CPU time: what others do on the machine in the meantime is theirs. */
export function cpuMs(run: Run, steps: number): number {
  const before = process.cpuUsage();
  run(steps);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function collectGarbage(): void {
  if (globalThis.gc === undefined) throw new Error('run it with node --expose-gc');
  globalThis.gc();
}
