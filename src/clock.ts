import { isMainThread, workerData } from 'node:worker_threads';

/** What a thread needs to know to read the clock of the main thread. Milliseconds. */
export interface ClockOrigin {
  /** What the machine's steady clock showed when the clock of the main thread was 0. */
  readonly steadyAtZero: number;
  /** Since 1970, at the same moment. */
  readonly timeOrigin: number;
}

const READINGS = 9;

/** `performance.now()` counts from the start of its own thread: this is what the others need to agree with the first. */
export const CLOCK_ORIGIN: ClockOrigin = isMainThread
  ? { steadyAtZero: steadyAtZero(), timeOrigin: performance.timeOrigin }
  : originOf(workerData);

const OFFSET = isMainThread ? 0 : steadyAtZero() - CLOCK_ORIGIN.steadyAtZero;

/** Milliseconds of a clock that never goes back, with microsecond resolution: the same in all threads of the process. */
export function now(): number {
  return performance.now() + OFFSET;
}

/** What the machine's steady clock showed when this thread's was 0. */
function steadyAtZero(): number {
  let found = Number.NEGATIVE_INFINITY;
  // A thread that is put aside between the two readings finds less.
  for (let reading = 0; reading < READINGS; reading += 1)
    found = Math.max(found, steadyMs() - performance.now());
  return found;
}

function steadyMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** A thread that was started without one has a clock of its own. */
function originOf(data: { readonly clock?: ClockOrigin } | null): ClockOrigin {
  return data?.clock ?? { steadyAtZero: steadyAtZero(), timeOrigin: performance.timeOrigin };
}
