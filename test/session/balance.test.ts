import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { imbalances } from '../../src/session/balance.ts';
import type { Session } from '../../src/session/session.ts';
import { client, server } from '../support/messages.ts';
import { C, chunksOf, OPENING, relay, S } from '../support/story.ts';

function someSession(): Session {
  return relay(
    chunksOf([
      ...OPENING,
      C(1, client.query('select 1')),
      S(1, server.complete('SELECT 1')),
      S(1, server.ready()),
    ]),
  );
}

/** Falsifications of one figure each, and the direction that must be named. */
const FALSIFIED: readonly [name: string, falsify: (session: Session) => void, direction: 'R' | 'S'][] = [
  ['a byte too many from the client', ({ wire }) => (wire.client.in += 1), 'R'],
  ['a byte too few to the server', ({ wire }) => (wire.server.out -= 1), 'R'],
  ['a byte too many from the server', ({ wire }) => (wire.server.in += 1), 'S'],
  ['a byte lost on its way to the client', ({ wire }) => (wire.client.out -= 1), 'S'],
  ['a byte booked twice', ({ accounts }) => (accounts.control.S.bytes += 1), 'S'],
  ['a byte not booked', ({ accounts }) => (accounts.startup.R.bytes -= 1), 'R'],
];

describe('the proof of conservation', () => {
  it('finds nothing wrong with a session that balances', () => {
    assert.deepEqual(imbalances(someSession()), []);
  });

  for (const [name, falsify, direction] of FALSIFIED) {
    it(`finds ${name}`, () => {
      const session = someSession();
      falsify(session);
      const found = imbalances(session);
      assert.equal(found.length, 1, found.join('; '));
      assert.match(found[0]!, new RegExp(`^${direction}: .*off by -?1$`));
    });
  }

  it('accepts bytes that are stated to be undelivered', () => {
    const session = someSession();
    session.wire.client.out -= 23;
    session.undelivered.S += 23;
    assert.deepEqual(imbalances(session), []);
  });
});
