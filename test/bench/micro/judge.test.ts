import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { judgeAllocation, judgeChange } from '../../../bench/micro/judge.ts';

const figures = fc.array(fc.double({ min: 1, max: 1000, noNaN: true }), { minLength: 3, maxLength: 40 });

/** The same figure times a little more or less. */
function around(middle: number, width: number): number[] {
  return Array.from({ length: 35 }, (_, at) => middle * (1 + (width * (at - 17)) / 17));
}

describe('a comparison of two sides', () => {
  it('finds what got more than 10 % worse when the figures hold still', () => {
    assert.equal(judgeChange([100, 100, 100], [109, 109, 109]).verdict, 'same');
    assert.equal(judgeChange([100, 100, 100], [111, 111, 111]).verdict, 'worse');
    assert.equal(judgeChange([111, 111, 111], [100, 100, 100]).verdict, 'better');
  });

  it('asks for more than 10 % when one side alone moves about', () => {
    assert.equal(judgeChange(around(100, 0.4), around(115, 0.02)).verdict, 'same');
    assert.equal(judgeChange(around(100, 0.02), around(115, 0.4)).verdict, 'same');
    assert.equal(judgeChange(around(100, 0.02), around(115, 0.02)).verdict, 'worse');
    assert.equal(judgeChange(around(100, 0.4), around(200, 0.4)).verdict, 'worse');
  });

  it('is not misled by a few rounds that something else disturbed', () => {
    const disturbed = [...around(100, 0.02).slice(0, 30), 900, 1000, 1100, 1200, 1300];
    assert.equal(judgeChange(around(100, 0.02), disturbed).verdict, 'same');
  });

  it('never finds a difference between a side and itself, in whatever order', () => {
    fc.assert(
      fc.property(figures, (side) => {
        assert.equal(judgeChange(side, side.toReversed()).verdict, 'same');
      }),
    );
  });

  it('calls worse one way what it calls better the other way', () => {
    fc.assert(
      fc.property(figures, figures, (one, other) => {
        const [there, back] = [judgeChange(one, other), judgeChange(other, one)];
        const opposite = { worse: 'better', better: 'worse', same: 'same' } as const;
        // Where the ratio is right at the limit, rounding may fall on either side.
        const limit = 1.1 + there.noise;
        fc.pre(Math.abs(Math.max(there.ratio, back.ratio) - limit) > 1e-9);
        assert.equal(back.verdict, opposite[there.verdict]);
      }),
    );
  });

  it('refuses to judge what was not measured', () => {
    assert.throws(() => judgeChange([], [1]), /not measured/);
  });

  it('takes a new allocation per message for worse, and what is no object for nothing', () => {
    assert.equal(judgeAllocation(0, 3), 'same');
    assert.equal(judgeAllocation(0, 16), 'worse');
    assert.equal(judgeAllocation(100, 108), 'same');
    assert.equal(judgeAllocation(100, 115), 'worse');
    assert.equal(judgeAllocation(115, 100), 'better');
  });
});
