import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import { renderJson } from '../../src/report/json.ts';
import { assertGolden } from '../golden.ts';
import { report, sample } from './sample.ts';

const render = (...args: Parameters<typeof renderJson>): string => [...renderJson(...args)].join('');

describe('the JSON report', () => {
  it('shows a report with one of everything', () => {
    assertGolden('report.json', render(sample()));
  });

  it('is what JSON.stringify makes of it, with the sessions by id', () => {
    for (const one of [sample(), report([])]) {
      const sorted = { ...one, sessions: one.sessions.toSorted((a, b) => a.id - b.id) };
      assert.equal(render(one), `${JSON.stringify(sorted, null, 2)}\n`);
    }
  });
});
