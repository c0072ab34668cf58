// Waiting for the thing itself.
import { setImmediate, setTimeout } from 'node:timers/promises';

/** How long anything in a test may take before it gives up on it. */
const PATIENCE_MS = 20_000;

/** Waits for a condition. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (let turn = 0; !(await condition()); turn += 1) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await (turn < 50 ? setImmediate() : setTimeout(1));
  }
}

/** Waits until a figure has stopped moving: it was the same so many times in a row, some milliseconds apart. */
export async function untilStill(figure: () => number, times = 15): Promise<number> {
  let last = figure();
  for (let same = 0; same < times;) {
    await setTimeout(5);
    const now = figure();
    same = now === last ? same + 1 : 0;
    last = now;
  }
  return last;
}
