import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Quota } from '../../src/session/quota.ts';
import { Counts } from '../../src/proxy/counts.ts';

const THREADS = 3;

function quotas(limit: number): { counts: Counts[]; all: Quota[] } {
  const cells = Counts.cells(THREADS);
  const counts = [0, 1, 2].map((thread) => new Counts(cells, thread));
  return { counts, all: counts.map((one) => new Quota(limit, one.holdings('statements'), THREADS)) };
}

function addOne(quota: Quota): void {
  quota.add(1);
  while (quota.isExceeded) quota.add(-1);
}

describe('a quota of several threads', () => {
  it('gives one that is alone all of it, and each its share once all are at work', () => {
    const { counts, all } = quotas(30);
    for (let at = 0; at < 47; at += 1) addOne(all[0]!);
    assert.equal(all[0]!.held, 30);
    for (let at = 0; at < 47; at += 1) for (const quota of all) addOne(quota);
    assert.deepEqual(
      all.map((quota) => quota.held),
      [10, 10, 10],
    );
    assert.equal(counts[0]!.all('statements'), 30);
  });

  it('is never exceeded by more than the shares of those who find another thread idle', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 31 }), fc.array(fc.nat(THREADS - 1)), (limit, adding) => {
        const { counts, all } = quotas(limit);
        for (const thread of adding) addOne(all[thread]!);
        assert.ok(counts[0]!.all('statements') <= limit + (THREADS - 1) * Math.floor(limit / THREADS));
      }),
    );
  });

  it('is free again when a thread dies', () => {
    const { counts, all } = quotas(30);
    for (let at = 0; at < 47; at += 1) addOne(all[0]!);
    counts[0]!.release();
    assert.equal(counts[1]!.all('statements'), 0);
    assert.equal(all[1]!.room, 30);
  });
});

describe('counts that threads share', () => {
  it('take no more than the limit, whoever asks, and one more when one is given back', () => {
    const { counts } = quotas(0);
    const taken = [0, 1, 2, 0, 1, 2].map((thread) => counts[thread]!.take('admitted', 5));
    assert.deepEqual(taken, [true, true, true, true, true, false]);
    counts[1]!.add('admitted', -1);
    assert.equal(counts[2]!.take('admitted', 5), true);
    assert.deepEqual(
      counts.map((one) => one.own('admitted')),
      [2, 1, 2],
    );
  });
});
