import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import { Leg } from '../../src/relay/leg.ts';
import { noTraffic } from '../../src/session/leg_totals.ts';
import { type DirectionBooks, Pump } from '../../src/relay/pump.ts';
import { connectSocket } from '../../src/relay/read_buffer.ts';
import { fakeServer, type Peer } from '../support/peers.ts';
import { until } from '../support/until.ts';

const timeout = 20_000;

interface Entry {
  readonly what: keyof DirectionBooks;
  readonly at: number;
  /** Bytes that the leg had written by then. */
  readonly out: number;
}

interface Pumping {
  readonly pump: Pump;
  readonly to: Leg;
  readonly peer: Peer;
  readonly entries: Entry[];
}

/** A pump to a leg whose other end is at hand, with books that note what they are told, and when. */
async function pumping(): Promise<Pumping> {
  const server = await fakeServer();
  const silent = { read: () => true, ended: () => undefined, closed: () => undefined };
  const to = new Leg((onRead) => connectSocket(server.address, onRead), noTraffic(), silent);
  await once(to.socket, 'connect');
  const entries: Entry[] = [];
  const note =
    (what: Entry['what']) =>
    (at = 0): void => {
      entries.push({ what, at, out: to.counters.out });
    };
  const books: DirectionBooks = {
    read: (_buffer, _bytes, now) => note('read')(now),
    lost: (_buffer, bytes, now) => {
      note('lost')(now);
      return bytes;
    },
    wrote: () => note('wrote')(),
    handedOn: note('handedOn'),
    stallBegan: note('stallBegan'),
    stallEnded: note('stallEnded'),
    undelivered: note('undelivered'),
  };
  return { pump: new Pump(to, to, books), to, peer: await server.accept(), entries };
}

test(
  'a chunk is written before it is booked, at the times of its read and its write',
  { timeout },
  async () => {
    const { pump, to, peer, entries } = await pumping();
    const before = performance.now();
    assert.equal(pump.pass(Buffer.from('chunk'), 5), true);
    const after = performance.now();
    assert.equal((await peer.receive(5)).toString(), 'chunk');
    assert.deepEqual(
      entries.map(({ what, out }) => [what, out]),
      [
        ['read', 5],
        ['wrote', 5],
        ['handedOn', 5],
      ],
    );
    const [read, , handedOn] = entries;
    assert.ok(before <= read!.at && read!.at <= handedOn!.at && handedOn!.at <= after);
    to.destroy();
    peer.destroy();
  },
);

test(
  'a chunk that is not taken stalls once it is booked, and is handed on once it is taken',
  { timeout },
  async () => {
    const { pump, to, peer, entries } = await pumping();
    const got = peer.digest();
    peer.pause();
    const chunk = Buffer.alloc(65_536, 7);
    let passed = 0;
    do passed += 1;
    while (pump.pass(chunk, chunk.length));
    const stalled = entries.slice(-4);
    assert.deepEqual(
      stalled.map(({ what }) => what),
      ['read', 'wrote', 'stallBegan', 'undelivered'],
    );
    assert.ok(stalled[0]!.at <= stalled[2]!.at);
    const told = entries.length;
    peer.resume();
    await until(() => entries.length === told + 3, 'the end of the stall');
    const resumed = entries.slice(told);
    assert.deepEqual(
      resumed.map(({ what }) => what),
      ['stallEnded', 'undelivered', 'handedOn'],
    );
    assert.ok(resumed[0]!.at >= stalled[2]!.at);
    assert.equal(to.counters.out, passed * chunk.length);
    to.end();
    await until(() => peer.ended, 'the last byte');
    const expected = createHash('sha1');
    for (let i = 0; i < passed; i += 1) expected.update(chunk);
    assert.equal(got.digest('hex'), expected.digest('hex'));
    to.destroy();
    peer.destroy();
  },
);

test('a chunk for a leg that is gone is lost, and the books say what of it counts', { timeout }, async () => {
  const { pump, to, peer, entries } = await pumping();
  to.destroy();
  assert.equal(pump.pass(Buffer.from('lost'), 4), true);
  assert.deepEqual(
    entries.map(({ what, out }) => [what, out]),
    [
      ['lost', 0],
      ['undelivered', 0],
    ],
  );
  peer.destroy();
});
