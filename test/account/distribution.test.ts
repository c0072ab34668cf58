import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { Distribution, type PlainDistribution } from '../../src/account/distribution.ts';

function of(values: readonly number[]): Distribution {
  const distribution = new Distribution();
  for (const value of values) distribution.record(value);
  return distribution;
}

/** The smallest value that at least so many percent of the values do not exceed. */
function quantile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(Math.ceil((percent / 100) * sorted.length) - 1, 0)]!;
}

suite('Distribution', () => {
  const values = fc.array(
    fc.oneof(fc.nat(300), fc.nat(), fc.maxSafeNat(), fc.constantFrom(0, 1, 2 ** 31, 2 ** 48 - 1)),
    { minLength: 1, maxLength: 97 },
  );

  test('of nothing is zeros', () => {
    assert.deepEqual(new Distribution().quantiles(), { p50: 0, p95: 0, p99: 0, max: 0 });
  });

  test('of equal values is exact', () => {
    assert.deepEqual(of([12_345, 12_345, 12_345]).quantiles(), {
      p50: 12_345,
      p95: 12_345,
      p99: 12_345,
      max: 12_345,
    });
  });

  test('has quantiles within 1 % and the exact maximum', () => {
    fc.assert(
      fc.property(values, (some) => {
        const { p50, p95, p99, max } = of(some).quantiles();
        assert.equal(max, Math.max(...some));
        for (const [percent, found] of [
          [50, p50],
          [95, p95],
          [99, p99],
        ] as const) {
          const exact = quantile(some, percent);
          assert.ok(Math.abs(found - exact) <= exact / 100, `p${percent} is ${found}, not ${exact}`);
        }
      }),
    );
  });

  test('is the same after a journey as plain data, and goes on counting', () => {
    fc.assert(
      fc.property(values, values, (some, more) => {
        const sent: PlainDistribution = JSON.parse(JSON.stringify(of(some).toPlain()));
        const arrived = Distribution.fromPlain(sent);
        assert.deepEqual(arrived.toPlain(), sent);
        assert.deepEqual(arrived.quantiles(), of(some).quantiles());
        for (const value of more) arrived.record(value);
        assert.deepEqual(arrived.quantiles(), of([...some, ...more]).quantiles());
      }),
    );
  });

  test('tells how many values are at most a bound, within 1 % of it', () => {
    const bounds = [0, 10, 1000, 25_000, 1e6, 2 ** 31];
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constant(7), fc.nat(2000), fc.nat())), (some) => {
        const found = of(some).countsUpTo(bounds);
        for (const [at, bound] of bounds.entries()) {
          const within = (factor: number): number => some.filter((value) => value <= bound * factor).length;
          assert.ok(found[at]! >= within(0.99) && found[at]! <= within(1.01), `${bound}: ${found[at]}`);
        }
      }),
    );
  });

  test('of two added up is that of all their values', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1000)), fc.array(fc.oneof(fc.constant(7), fc.nat())), (some, others) => {
        const sum = of(some);
        sum.add(of(others));
        const expected = of([...some, ...others]).quantiles();
        const found = sum.quantiles();
        assert.equal(found.max, expected.max);
        // Adding takes the lowest value of each step of the histogram.
        for (const name of ['p50', 'p95', 'p99'] as const) {
          assert.ok(
            Math.abs(found[name] - expected[name]) <= expected[name] / 100,
            `${name}: ${found[name]}`,
          );
        }
      }),
    );
  });

  test('ignores what is no value >= 0', () => {
    assert.deepEqual(of([-1, Number.NaN]).quantiles(), { p50: 0, p95: 0, p99: 0, max: 0 });
  });

  test('keeps its shape when its counters are full', () => {
    const distribution = new Distribution();
    distribution.recordTimes(1, 2 ** 31 - 3);
    distribution.recordTimes(5, 2);
    distribution.record(9);
    distribution.add(of([3, 11]));
    assert.deepEqual(distribution.quantiles(), { p50: 1, p95: 1, p99: 1, max: 11 });
  });
});
