import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { KeptStatements } from '../../src/session/kept_statements.ts';
import { Statement } from '../../src/session/statement.ts';
import { StatementBudget } from '../../src/session/statement_budget.ts';

function statement(seq: number, bytes: number): Statement {
  const made = new Statement(seq, 'query', null);
  made.S.bytes = bytes;
  made.S.messages = 1;
  return made;
}

describe('the budget of kept statements', () => {
  it('is never exceeded, drops the smallest of all sessions, and loses no figure', () => {
    const sizes = fc.array(fc.array(fc.nat(1000), { maxLength: 60 }), { minLength: 1, maxLength: 7 });
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 60 }), (sessions, limit) => {
        const budget = new StatementBudget(limit);
        const keepers = sessions.map(() => new KeptStatements(23, budget));
        for (const [index, bytesOfSession] of sessions.entries()) {
          for (const [at, bytes] of bytesOfSession.entries()) {
            keepers[index]!.add(statement(at + 1, bytes));
            assert.ok(budget.kept <= limit);
          }
        }
        const kept = keepers.flatMap((keeper) => keeper.list());
        assert.equal(kept.length, budget.kept);
        const all = sessions.flat();
        const total = (bytes: readonly number[]): number => bytes.reduce((sum, one) => sum + one, 0);
        const dropped = keepers.map((keeper) => keeper.dropped);
        assert.equal(
          total(kept.map(({ S }) => S.bytes)) + total(dropped.map(({ account }) => account.S.bytes)),
          total(all),
        );
        assert.equal(kept.length + total(dropped.map(({ statements }) => statements)), all.length);
      }),
    );
  });

  it('keeps what is large in one session rather than what is small in another', () => {
    const budget = new StatementBudget(10);
    const [small, large] = [new KeptStatements(100, budget), new KeptStatements(100, budget)];
    for (let seq = 1; seq <= 10; seq += 1) small.add(statement(seq, seq));
    for (let seq = 1; seq <= 7; seq += 1) large.add(statement(seq, 1000));
    assert.equal(large.list().length, 7);
    assert.ok(small.list().every(({ S }) => S.bytes > 7));
  });

  it('is given back by a session that is forgotten', () => {
    const budget = new StatementBudget(10);
    const keeper = new KeptStatements(5, budget);
    for (let seq = 1; seq <= 7; seq += 1) keeper.add(statement(seq, seq));
    assert.equal(budget.kept, 5);
    keeper.forget();
    keeper.forget();
    assert.equal(budget.kept, 0);
  });
});
