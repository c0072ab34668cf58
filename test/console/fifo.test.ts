import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Fifo } from '../../src/console/fifo.ts';

describe('a queue', () => {
  it('gives what was put into it in order, as an array does', () => {
    const act = fc.oneof(
      fc.record({ put: fc.integer({ min: 1, max: 3000 }) }),
      fc.record({ take: fc.integer({ min: 1, max: 3000 }) }),
      fc.record({ remove: fc.integer({ min: 0, max: 20 }) }),
    );
    fc.assert(
      fc.property(fc.array(act, { maxLength: 23 }), (acts) => {
        const queue = new Fifo<number>();
        const array: number[] = [];
        let next = 0;
        for (const one of acts) {
          if ('put' in one) {
            for (let left = one.put; left > 0; left -= 1, next += 1) {
              queue.push(next);
              array.push(next);
            }
          } else if ('take' in one) {
            for (let left = one.take; left > 0; left -= 1) assert.equal(queue.shift(), array.shift());
          } else if (array.length > 0) {
            queue.removeBehindNext(one.remove);
            array.splice(1, one.remove);
          }
          assert.equal(queue.length, array.length);
          assert.deepEqual([queue.at(0), queue.at(1)], [array[0], array[1]]);
        }
      }),
    );
  });

  it('costs the same for each item however many wait: of 300,000 an array took a minute', () => {
    const queue = new Fifo<object>();
    const before = performance.now();
    for (let n = 0; n < 300_000; n += 1) queue.push({});
    while (queue.shift() !== undefined);
    assert.ok(performance.now() - before < 1000);
  });
});
