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

  it('is what JSON.stringify makes of it, piece by piece', () => {
    for (const one of [sample(), report([])]) {
      assert.equal(render(one), `${JSON.stringify(one, null, 2)}\n`);
    }
  });
});
