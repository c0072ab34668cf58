import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { type PlainTotals, StatementTotals } from '../../src/account/statement_totals.ts';
import { finishedStatement } from '../support/finished_statement.ts';

type Given = Parameters<typeof finishedStatement>[0];

function totalsOf(statements: readonly Given[]): StatementTotals {
  const totals = new StatementTotals('0123456789abcdef', 'SELECT $1');
  for (const statement of statements) totals.record(finishedStatement(statement));
  return totals;
}

suite('Totals of statements', () => {
  const statements = fc.array(
    fc.record({
      query: fc.constant('SELECT 1'),
      bytesS: fc.nat(100_000),
      durationMs: fc.nat(5000),
      rows: fc.nat(9),
    }),
    { maxLength: 23 },
  );

  test('are the same after a journey as plain data', () => {
    fc.assert(
      fc.property(statements, (some) => {
        const sent: PlainTotals = JSON.parse(JSON.stringify(totalsOf(some).toPlain()));
        assert.deepEqual(StatementTotals.fromPlain(sent).toPlain(), sent);
      }),
    );
  });

  test('of two threads add up to those of one', () => {
    fc.assert(
      fc.property(statements, statements, (some, others) => {
        const sum = StatementTotals.fromPlain(totalsOf(some).toPlain());
        sum.add(StatementTotals.fromPlain(totalsOf(others).toPlain()));
        const all = totalsOf([...some, ...others]);
        assert.deepEqual({ ...sum.toPlain(), ...spread(sum) }, { ...all.toPlain(), ...spread(all) });
        assert.equal(sum.entered, some.length + others.length);
      }),
    );
  });
});

/** Quantiles in place of the counters: a histogram may have come to be by another way. */
function spread({ durationUs, bytesR, bytesS }: StatementTotals): object {
  return { durationUs: durationUs.quantiles(), bytesR: bytesR.quantiles(), bytesS: bytesS.quantiles() };
}
