import type { Steps } from '../report/steps.ts';

/** How long others wait at most for a slice of work, but for a single step that takes longer. */
const MAX_SLICE_MS = 1;

export interface SliceOptions {
  /** Calls back once what has come in meanwhile is done. */
  readonly pause?: (goOn: () => void) => void;
  /** Milliseconds of a steady clock. */
  readonly now?: () => number;
}

/** Does work in slices of a millisecond, and lets everything else that is waiting have its turn in between. */
export function inSlices<Result>(
  steps: Steps<Result>,
  { pause = setImmediate, now = () => performance.now() }: SliceOptions = {},
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const slice = (): void => {
      const end = now() + MAX_SLICE_MS;
      try {
        do {
          const step = steps.next();
          if (step.done === true) {
            resolve(step.value);
            return;
          }
        } while (now() < end);
      } catch (error) {
        reject(error);
        return;
      }
      pause(slice);
    };
    slice();
  });
}
