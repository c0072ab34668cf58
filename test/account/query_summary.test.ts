import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { normalize } from '../../src/account/normalize.ts';
import { querySummary } from '../../src/account/query_summary.ts';

const CASES: readonly (readonly [sql: string, summary: string])[] = [
  ['select 1', 'SELECT'],
  ['select * from orders', 'SELECT orders'],
  ['select * from orders o join customers c using (id) where o.x = 1', 'SELECT orders customers'],
  ['select * from a, b as y, only c z where a.x = b.x', 'SELECT a b c'],
  ['select * from sales."Order Lines"', 'SELECT sales."Order Lines"'],
  ['select * from (select x from orders) as o', 'SELECT orders'],
  ['insert into shop.audit select * from orders', 'INSERT shop.audit SELECT orders'],
  ['insert into t values (1, 2) on conflict (id) do update set x = 1', 'INSERT t'],
  ['update only accounts set balance = 1 from branches', 'UPDATE accounts branches'],
  ['delete from orders using customers where true', 'DELETE orders customers'],
  ['merge into stock using delivery on true when matched then delete', 'MERGE stock delivery'],
  ['copy orders (id, total) to stdout', 'COPY orders'],
  ['copy (select * from orders) to stdout', 'COPY SELECT orders'],
  ['truncate table a', 'TRUNCATE a'],
  ['with recent as (select * from orders) select * from recent join t on true', 'SELECT orders SELECT t'],
  ['select extract(year from created) from orders', 'SELECT orders'],
  ['select a is distinct from b from t', 'SELECT t'],
  ['select * from orders for update', 'SELECT orders'],
  ['begin', 'BEGIN'],
  ["set timezone = 'UTC'", 'SET'],
  ['create table if not exists things (id int)', 'CREATE things'],
  ['', 'EMPTY'],
];

describe('the summary of a statement', () => {
  for (const [sql, summary] of CASES) {
    it(`of ${sql || 'nothing'} is ${summary}`, () => assert.equal(querySummary(normalize(sql)), summary));
  }

  it('keeps the names of what has no text', () => {
    assert.equal(querySummary('<function call>'), '<function call>');
  });

  it('is at most 255 characters long, and holds no constants', () => {
    const word = fc.constantFrom(
      'select',
      'from',
      'join',
      '(',
      ')',
      ',',
      '.',
      "'secret'",
      '4711',
      'as',
      'with',
      'x'.repeat(70),
      'update',
      '"q',
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 300 }), (words) => {
        const summary = querySummary(normalize(words.join(' ')));
        assert.ok(summary.length > 0 && summary.length <= 255);
        // What stands in double quotes is a name.
        if (!words.includes('"q')) assert.doesNotMatch(summary, /4711|secret/);
      }),
    );
  });
});
