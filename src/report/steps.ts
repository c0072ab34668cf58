/**
 * Work that can be interrupted for a while at each `yield`, so that nobody has to wait for the whole of it. What is between
 * two of them is done in one go.
 */
export type Steps<Result> = Generator<void, Result>;

/** Does all of it in one go. */
export function atOnce<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
