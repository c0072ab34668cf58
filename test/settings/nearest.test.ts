import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import { nearest } from '../../src/settings/nearest.ts';

describe('the nearest name', () => {
  it('is the one that was meant', () => {
    const names = ['listen', 'live', 'report', 'report-file', 'upstream'];
    const cases = [
      ['lisen', 'listen'],
      ['LISTEN', 'listen'],
      ['report_file', 'report-file'],
      ['upsteram', 'upstream'],
      ['liv', 'live'],
      ['', null],
      ['xyzzy', null],
      ['completely-different', null],
    ] as const;
    for (const [written, expected] of cases) assert.equal(nearest(written, names), expected, written);
  });
});
