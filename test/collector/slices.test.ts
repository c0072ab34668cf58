import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inSlices } from '../../src/collector/slices.ts';
import type { Steps } from '../../src/report/steps.ts';

/** Steps of a quarter of a millisecond each, by a clock of their own. */
function slow(count: number): { steps: Steps<string>; clock: { now: number } } {
  const clock = { now: 0 };
  const steps = function* (): Steps<string> {
    for (let at = 0; at < count; at += 1) {
      clock.now += 1 / 4;
      yield;
    }
    return 'done';
  };
  return { steps: steps(), clock };
}

describe('work in slices', () => {
  it('takes a millisecond at most, and lets others have their turn', async () => {
    const { steps, clock } = slow(23);
    const slices: number[] = [];
    let began = 0;
    const pause = (goOn: () => void): void => {
      slices.push(clock.now - began);
      setImmediate(() => {
        began = clock.now;
        goOn();
      });
    };
    assert.equal(await inSlices(steps, { pause, now: () => clock.now }), 'done');
    assert.deepEqual(slices, [1, 1, 1, 1, 1]);
  });

  it('tells of what goes wrong in it', async () => {
    const failing = function* (): Steps<never> {
      yield;
      throw new Error('broken');
    };
    await assert.rejects(inSlices(failing()), /broken/);
  });
});
