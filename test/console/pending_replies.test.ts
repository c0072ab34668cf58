import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Exchange, PendingReplies } from '../../src/console/pending_replies.ts';

const NOTHING = Buffer.alloc(0);

/** Sends requests (`.` before one is hidden), takes replies, and tells whose each was. */
function whose(requests: string, replies: string): string {
  const pending = new PendingReplies();
  let done = 0;
  const hidden: Exchange = { reply: () => undefined, done: () => (done += 1) };
  send(pending, requests, hidden);
  const told = Array.from(replies).map((type) =>
    pending.received(type.charCodeAt(0), NOTHING) === null ? 'c' : 'h',
  );
  return `${told.join('')} ${done} ${pending.empty ? 'empty' : 'owed'}`;
}

function send(pending: PendingReplies, requests: string, hidden: Exchange): void {
  for (const [, mark, type] of requests.matchAll(/([.!]?)(\w)/g))
    pending.sent(type!.charCodeAt(0), mark === '' ? null : hidden, mark === '!');
}

describe('a reply is for', () => {
  for (const [what, requests, replies, expected] of [
    ['the client whose query it answers', 'Q', 'TDCZ', 'cccc 0 empty'],
    ['pgnetflow, whose statements stand before it', '.P.B.E.C!SQ', '12DC3ZTDCZ', 'hhhhhhcccc 1 empty'],
    ['the one or the other in a pipeline', 'PB.P.B.E!CES', '1212DC3DCZ', 'cchhhhhccc 1 empty'],
    ['the client, whatever comes unasked', 'Q', 'SANTDCZ', 'ccccccc 0 empty'],
    ['the client, when nothing is owed', '', 'SE', 'cc 0 empty'],
    ['pgnetflow, when its own statement brings a notice, but not a parameter', '.Q', 'NS', 'hc 0 owed'],
    ['the client up to its Sync, behind an error', 'PBE.P.B!ES', 'EZ', 'cc 1 empty'],
    ['pgnetflow up to its own Sync, behind its error', '.P.B.E!SQ', 'EZCZ', 'hhcc 1 empty'],
    ['the client, a Describe with its parameters first', 'DS', 'tTZ', 'ccc 0 empty'],
    ['the client, a portal that is suspended', 'BEES', '2DsDCZ', 'cccccc 0 empty'],
    ['the client, behind a Sync that a COPY has swallowed', 'PBES', '12G', 'ccc 0 owed'],
    // All of a COPY is sent before the server has asked for data: the Sync behind CopyDone is answered.
    [
      'the client in a COPY that was sent at one go, then pgnetflow',
      'PBEdcS.P.B.E!S',
      '12GCZ12DCZ',
      'ccccchhhhh 1 empty',
    ],
    ['the client, whose COPY swallows one Sync of two', 'PBEdSdcS.P!S', '12GCZ1Z', 'ccccchh 1 empty'],
    ['the client, twice in one Query with two COPYs', 'QdcdfS.P!S', 'GCGEZZ1Z', 'cccccchh 1 empty'],
    ['the client, when copy data was sent without a COPY', 'dcfQ.P!S', 'TDCZ1Z', 'cccchh 1 empty'],
  ] as const) {
    it(`${what}: ${requests} answered by ${replies}`, () => assert.equal(whose(requests, replies), expected));
  }

  it('the client in a COPY FROM STDIN, whose Sync behind the data counts', () => {
    const pending = new PendingReplies();
    const none: Exchange = { reply: () => undefined, done: () => undefined };
    send(pending, 'PBES', none);
    for (const type of '12G') pending.received(type.charCodeAt(0), NOTHING);
    send(pending, 'dScS', none);
    for (const type of 'CZ') assert.equal(pending.received(type.charCodeAt(0), NOTHING), null);
    assert.equal(pending.empty, true);
  });

  it('nobody once the connection is gone: whoever waits is told', () => {
    const pending = new PendingReplies();
    let done = 0;
    send(pending, 'Q.P.B!S', { reply: () => undefined, done: () => (done += 1) });
    pending.abandon();
    assert.deepEqual([done, pending.empty], [1, true]);
  });
});
