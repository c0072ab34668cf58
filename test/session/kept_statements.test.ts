import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Account } from '../../src/session/account.ts';
import { KeptStatements } from '../../src/session/kept_statements.ts';
import { Statement } from '../../src/session/statement.ts';

function statement(seq: number, bytes: number): Statement {
  const made = new Statement(seq, 'query', null);
  made.R.bytes = 1;
  made.S.bytes = bytes;
  made.S.messages = 1;
  return made;
}

describe('the statements that are kept', () => {
  it('are the largest, in the order in which they were sent, and the others add up', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(1000), { maxLength: 300 }),
        fc.integer({ min: 1, max: 23 }),
        (sizes, limit) => {
          const kept = new KeptStatements(limit);
          for (const [index, bytes] of sizes.entries()) kept.add(statement(index + 1, bytes));
          const list = kept.list();
          assert.equal(list.length, Math.min(limit, sizes.length));
          assert.deepEqual(
            list.map(({ seq }) => seq),
            list.map(({ seq }) => seq).toSorted((a, b) => a - b),
          );
          const largest = sizes.toSorted((a, b) => b - a).slice(0, limit);
          assert.deepEqual(
            list.map(({ S }) => S.bytes).toSorted((a, b) => b - a),
            largest,
          );
          const total = sizes.reduce((sum, bytes) => sum + bytes, 0);
          const { statements, account } = kept.dropped;
          assert.equal(list.reduce((sum, { S }) => sum + S.bytes, 0) + account.S.bytes, total);
          assert.equal(list.length + statements, sizes.length);
          assert.equal(account.S.messages, statements);
          const all = new Account();
          kept.addTo(all);
          assert.deepEqual([all.S.bytes, all.R.bytes, all.S.messages], [total, sizes.length, sizes.length]);
        },
      ),
    );
  });

  it('and the others add up, whichever is asked for first', () => {
    const kept = new KeptStatements(3);
    for (let seq = 1; seq <= 7; seq += 1) kept.add(statement(seq, seq));
    assert.equal(kept.dropped.statements, 4);
    assert.equal(kept.list().length, 3);
  });
});
