import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Filterable, parseFilter } from '../../src/report/filter.ts';

const ROW: Filterable = {
  texts: { app: 'Shop front', db: 'main', user: null, query: 'select * from orders' },
  amounts: { bytes: 2 * 1024 * 1024, time: 1_500_000, calls: 23 },
};

const CASES: readonly (readonly [filter: string, passes: boolean])[] = [
  ['', true],
  ['shop', true],
  ['app:shop', true],
  ['app:SHOP db:main', true],
  ['app:shop db:other', false],
  ['app:"shop front"', true],
  ['-app:shop', false],
  ['-app:other', true],
  ['user:x', false],
  ['host:x', true],
  ['bytes>1MB', true],
  ['bytes>2MB', false],
  ['bytes>=2MB', true],
  ['bytes<2097153', true],
  ['time>1s', true],
  ['time>1500ms', false],
  ['time<=1.5s', true],
  ['-calls>23', true],
  ['nothing>5', true],
  ['/from +orders$/', true],
  ['/FROM/', true],
  ['/^from/', false],
  ['app:shop db:main bytes>1MB /orders/', true],
];

describe('a filter', () => {
  for (const [filter, passes] of CASES)
    it(`"${filter}" ${passes ? 'lets the row pass' : 'holds the row back'}`, () => {
      const { matches, problems } = parseFilter(filter);
      assert.deepEqual(problems, []);
      assert.equal(matches(ROW), passes);
    });

  it('says what it does not understand, and goes by the rest', () => {
    const { matches, problems } = parseFilter('/(/ bytes>1parsec app:shop');
    assert.deepEqual(problems, [
      '/(/ is no regular expression',
      'bytes>1parsec: compare with a number, and MB or ms behind it if you like',
    ]);
    assert.equal(matches(ROW), true);
  });

  it('never fails, whatever is typed', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', ':', '/', '"', '-', '>', '1', ' ', '\\', '(', 'app') }),
        (text) => {
          parseFilter(text).matches(ROW);
        },
      ),
    );
  });
});
