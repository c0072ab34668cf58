import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Session } from '../../src/session/session.ts';
import { client as c, server as s } from '../support/messages.ts';
import { C, type Line, OPENING, relay, S } from '../support/story.ts';
import { STORIES } from '../support/stories.ts';

/** Round trips of a session and of each of its statements; the log-in is one of the session's. */
function trips(session: Session): { session: number; statements: number[] } {
  const statements = session.statements().map(({ roundtrips }) => roundtrips);
  return { session: session.roundtrips, statements };
}

function play(...lines: readonly Line[]): Session {
  return relay([...OPENING, ...lines]);
}

const execution = (of: number): Line => C(of, Buffer.concat([c.bind('', 'p'), c.execute()]));
const answer = (of: number): Line => S(of, Buffer.concat([s.bindComplete(), s.complete('SELECT 1')]));

describe('round trips', () => {
  it('are one for the log-in, and one for each query that waits for the one before', () => {
    const query = [C(1, c.query('select 1')), S(1, s.complete('SELECT 1')), S(1, s.ready())];
    assert.deepEqual(trips(play(...query, ...query)), { session: 3, statements: [1, 1] });
  });

  it('are one for queries that are sent without waiting, and the first statement has it', () => {
    const both = [C(1, c.query('select 1')), C(2, c.query('select 2'))];
    const answers = [
      S(1, s.complete('SELECT 1')),
      S(1, s.ready()),
      S(2, s.complete('SELECT 1')),
      S(2, s.ready()),
    ];
    assert.deepEqual(trips(play(...both, ...answers)), { session: 2, statements: [1, 0] });
  });

  it('are one for a pipeline of 53 executions behind one Sync', () => {
    const all = Array.from({ length: 53 }, (_, at) => at + 1);
    const lines = [...all.map(execution), C(53, c.sync()), ...all.map(answer), S(53, s.ready())];
    const found = trips(play(...lines));
    assert.equal(found.session, 2);
    assert.deepEqual(found.statements, [1, ...Array.from({ length: 52 }, () => 0)]);
  });

  it('are one for each fetch from a portal', () => {
    const opened = Buffer.concat([s.parseComplete(), s.bindComplete()]);
    const ask = [C(1, c.execute('', 7)), C(1, c.flush())];
    const some = [S(1, s.dataRow('1')), S(1, s.suspended())];
    const first = [C(1, c.parse('', 'select 1')), C(1, c.bind('', '')), ...ask, S(1, opened), ...some];
    assert.deepEqual(trips(play(...first, ...ask, ...some, ...ask, ...some)), {
      session: 4,
      statements: [3],
    });
  });

  it('are one for a COPY FROM STDIN, however its data comes', () => {
    const rows = Array.from({ length: 23 }, () => C(1, c.copyData('1\n')));
    const lines = [C(1, c.query('copy t from stdin')), S(1, s.copyIn()), ...rows, C(1, c.copyDone())];
    const found = trips(play(...lines, S(1, s.complete('COPY 23')), S(1, s.ready())));
    assert.deepEqual(found, { session: 2, statements: [1] });
  });

  it('of the accounts add up to those of the session, in every story, however it is cut', () => {
    fc.assert(
      fc.property(fc.constantFrom(...STORIES), fc.nat(), ({ lines }, cut) => {
        const chunks = lines.flatMap((line) => {
          const at = cut % (line.bytes.length + 1);
          return [
            { from: line.from, bytes: line.bytes.subarray(0, at) },
            { from: line.from, bytes: line.bytes.subarray(at) },
          ];
        });
        const session = relay([...OPENING, ...chunks]);
        const ofStatements = session.statements().reduce((sum, { roundtrips }) => sum + roundtrips, 0);
        const { startup, async: unasked, control, opaque } = session.accounts;
        const others = [startup, unasked, control, opaque].reduce(
          (sum, { roundtrips }) => sum + roundtrips,
          0,
        );
        assert.equal(ofStatements + others, session.roundtrips);
        assert.equal(startup.roundtrips, 1);
      }),
    );
  });
});

describe('transactions', () => {
  it('are counted when they end: one for each statement outside of a block, one for the whole block', () => {
    const run = (of: number, text: string, status: 'I' | 'T' | 'E'): Line[] => [
      C(of, c.query(text)),
      S(of, s.complete('OK')),
      S(of, s.ready(status)),
    ];
    const session = play(
      ...run(1, 'select 1', 'I'),
      ...run(2, 'begin', 'T'),
      ...run(3, 'select 2', 'T'),
      ...run(4, 'selekt', 'E'),
      ...run(5, 'rollback', 'I'),
    );
    assert.equal(session.facts.transactions, 2);
  });
});
