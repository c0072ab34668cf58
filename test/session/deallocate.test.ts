import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deallocated } from '../../src/session/deallocate.ts';

const CASES: readonly [name: string, tag: string, sql: string, expected: string | null | undefined][] = [
  ['a plain name is folded to lower case', 'DEALLOCATE', 'deallocate S1', 's1'],
  ['a quoted name is not', 'DEALLOCATE', ' DEALLOCATE PREPARE "S""1" ; ', 'S"1'],
  ['ALL', 'DEALLOCATE ALL', 'deallocate all', null],
  ['DISCARD ALL', 'DISCARD ALL', 'discard all', null],
  ['DISCARD PLANS drops none', 'DISCARD PLANS', 'discard plans', undefined],
  ['one of several commands cannot be told', 'DEALLOCATE', 'select 1; deallocate s1', undefined],
  ['another command', 'DELETE 3', 'delete from t', undefined],
];

describe('prepared statements dropped through SQL', () => {
  for (const [name, tag, sql, expected] of CASES) {
    it(name, () => {
      assert.equal(deallocated(tag, sql), expected);
    });
  }
});
