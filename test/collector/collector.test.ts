import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CachingCollector } from '../../src/collector/collector.ts';
import type { ReportRecord } from '../../src/report/model.ts';
import type { ReportExtent } from '../../src/report/figures.ts';
import { sample } from '../report/sample.ts';

/** A collector whose clock stands still, and how often its source was asked. */
function collectorAt(clock: { now: number }): {
  collector: CachingCollector;
  asked: ReportExtent['statements'][];
} {
  const asked: ReportExtent['statements'][] = [];
  const figures = async ({ statements }: ReportExtent): Promise<ReportRecord> => {
    asked.push(statements);
    return { ...sample(), ended_at: `${clock.now}` };
  };
  return { collector: new CachingCollector({ figures }, () => clock.now), asked };
}

describe('an inquiry', () => {
  it('brings the latest snapshot again while that is fresh enough for it', async () => {
    const clock = { now: 1000 };
    const { collector, asked } = collectorAt(clock);
    const first = await collector.inquire({ maxAgeMs: 0, statements: 'open', fingerprints: true });
    clock.now += 99;
    assert.equal(await collector.inquire({ maxAgeMs: 100, statements: 'open', fingerprints: true }), first);
    assert.equal(asked.length, 1);
    clock.now += 1;
    const second = await collector.inquire({ maxAgeMs: 100, statements: 'open', fingerprints: true });
    assert.equal(second.ended_at, '1100');
    assert.equal(asked.length, 2);
  });

  it('that asks for this moment never brings an earlier one', async () => {
    const clock = { now: 1000 };
    const { collector, asked } = collectorAt(clock);
    await collector.inquire({ maxAgeMs: 0, statements: 'open', fingerprints: true });
    await collector.inquire({ maxAgeMs: 0, statements: 'open', fingerprints: true });
    assert.equal(asked.length, 2);
  });

  it('for kept statements is not answered with a snapshot that has none', async () => {
    const { collector, asked } = collectorAt({ now: 1000 });
    await collector.inquire({ maxAgeMs: 1000, statements: 'open', fingerprints: true });
    await collector.inquire({ maxAgeMs: 1000, statements: 'kept', fingerprints: true });
    assert.deepEqual(asked, ['open', 'kept']);
  });
});
