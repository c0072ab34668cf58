import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Account } from '../../src/session/account.ts';
import { Expectation, ExpectationQueue } from '../../src/session/expectation_queue.ts';

const KINDS = Object.values(Expectation).filter((kind) => kind !== Expectation.Swallowed);

describe('the expectation queue', () => {
  it('gives back in order what was pushed, whatever the order of pushes and shifts', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 500 }), (pushes) => {
        const queue = new ExpectationQueue();
        const model: { kind: Expectation; owner: Account }[] = [];
        for (const push of pushes) {
          if (push) {
            const entry = { kind: KINDS[model.length % KINDS.length]!, owner: new Account() };
            queue.push(entry.kind, entry.owner);
            model.push(entry);
          } else if (model.length > 0) {
            queue.shift();
            model.shift();
          }
          assert.equal(queue.length, model.length);
          assert.equal(queue.empty, model.length === 0);
          for (const [index, entry] of model.entries()) {
            assert.equal(queue.kindAt(queue.head + index), entry.kind);
            assert.equal(queue.ownerAt(queue.head + index), entry.owner);
          }
        }
      }),
    );
  });

  it('has no head that will not be answered', () => {
    const queue = new ExpectationQueue();
    const owner = new Account();
    for (let position = 0; position < 5; position += 1) queue.push(Expectation.Sync, owner);
    for (const position of [1, 2, 4]) queue.swallow(position);
    queue.shift();
    assert.deepEqual([queue.head, queue.kindAt(queue.head)], [3, Expectation.Sync]);
    queue.shift();
    assert.ok(queue.empty);
  });

  it('grows with its head in the middle', () => {
    const queue = new ExpectationQueue();
    const owners = Array.from({ length: 230 }, () => new Account());
    for (const [index, owner] of owners.entries()) {
      queue.push(Expectation.Sync, owner);
      if (index % 3 === 0) queue.shift();
    }
    assert.equal(queue.ownerAt(queue.tail - 1), owners.at(-1));
    assert.equal(queue.ownerAt(queue.head), owners.at(-queue.length));
  });
});
