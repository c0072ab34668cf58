import { Account } from '../../src/session/account.ts';
import { Expectation, ExpectationQueue } from '../../src/session/expectation_queue.ts';
import type { Piece } from './piece.ts';

/** As deep as a pipeline of pgbench, and as a driver's batch. */
const DEPTHS = [1, 100];

/** The expectation queue alone: an entry pushed and shifted for each request. */
export const queue: readonly Piece[] = DEPTHS.map((depth): Piece => ({
  name: `expectation queue, ${depth} owed`,
  messages: depth,
  bytes: null,
  make: () => {
    const expectations = new ExpectationQueue();
    const owner = new Account();
    return {
      run: (steps) => {
        for (let step = 0; step < steps; step += 1) {
          for (let at = 0; at < depth; at += 1) expectations.push(Expectation.Query, owner);
          for (let at = 0; at < depth; at += 1) {
            if (expectations.ownerAt(expectations.head) !== owner) throw new Error('not its owner');
            expectations.shift();
          }
        }
      },
      check: (steps) => {
        if (!expectations.empty || expectations.head !== steps * depth) throw new Error('the queue is wrong');
      },
    };
  },
}));
