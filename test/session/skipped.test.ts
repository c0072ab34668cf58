import assert from 'node:assert/strict';
import { it } from 'node:test';
import { client as c, server as s } from '../support/messages.ts';
import { C, chunksOf, OPENING, relay, S } from '../support/story.ts';

/** More than is remembered of what a client sends behind an error. */
const MANY = 100_003;

it('a client that goes on behind an error without a Sync defines nothing, and needs no more memory', () => {
  const define = [C(1, c.parse('s', 'select old')), C(1, c.sync()), S(1, s.parseComplete()), S(1, s.ready())];
  const fail = [C(2, c.parse('', 'selec')), C(2, c.flush()), S(2, s.error('42601'))];
  const skipped = {
    from: 'client' as const,
    bytes: Buffer.concat([c.parse('s', 'select new'), c.close('S', 's')]),
  };
  const use = [C(3, c.sync()), S(3, s.ready()), C(4, c.bind('', 's')), C(4, c.execute()), C(4, c.sync())];
  let open = 0;
  const session = relay(
    [
      ...chunksOf([...OPENING, ...define, ...fail]),
      ...Array.from({ length: MANY }, () => skipped),
      ...chunksOf(use),
    ],
    null,
    7,
    ({ statementCount, droppedStatements }) => {
      open = Math.max(open, statementCount - droppedStatements.statements);
    },
  );
  assert.equal(session.statements().at(-1)!.query!.text, 'select old');
  assert.ok(open < 2000, `${open} statements open`);
  assert.deepEqual(session.bookedBytes, session.protocolBytes);
});
