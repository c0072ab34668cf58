import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import net from 'node:net';
import { test } from 'node:test';
import { dial } from '../../src/relay/dial.ts';
import { Leg, type LegListener } from '../../src/relay/leg.ts';
import { type LegTotals, noTraffic } from '../../src/session/leg_totals.ts';
import { listen } from '../../src/relay/listener.ts';
import type { DirectionBooks } from '../../src/relay/pump.ts';
import { adoptSocket, type OnRead, readByEvents } from '../../src/relay/read_buffer.ts';
import { Relay, type RelayEnd } from '../../src/relay/relay.ts';
import { connectTo, fakeServer, type FakeServer, type Peer } from '../support/peers.ts';
import { pour } from '../support/stream.ts';
import { until, untilStill } from '../support/until.ts';

const timeout = 20_000;
const MB = 1024 * 1024;

const noListener: LegListener = { read: () => true, ended: () => undefined, closed: () => undefined };
const noBooks: DirectionBooks = {
  read: () => undefined,
  lost: (_buffer, bytes) => bytes,
  wrote: () => undefined,
  handedOn: () => undefined,
  stallBegan: () => undefined,
  stallEnded: () => undefined,
  undelivered: () => undefined,
};

interface Joined {
  readonly alice: Peer;
  readonly bob: Peer;
  readonly counters: LegTotals;
  /** Of the leg to Bob. */
  readonly server: LegTotals;
  readonly ends: RelayEnd[];
}

/** A client and a server joined by a bare relay, whose accepted socket is read in the given way. */
async function join(adopt: (socket: net.Socket, onRead: OnRead) => net.Socket): Promise<Joined> {
  const server: FakeServer = await fakeServer();
  const counters = noTraffic();
  const serverCounters = noTraffic();
  const ends: RelayEnd[] = [];
  const listener = await listen({ host: '127.0.0.1', port: 0 }, (socket) => {
    const leg = new Leg((onRead) => adopt(socket, onRead), counters, noListener);
    dial(server.address, 5000, serverCounters, (result) => {
      assert.ok(result instanceof Leg);
      const events = { silentServer: () => undefined, ended: (end: RelayEnd) => void ends.push(end) };
      new Relay(leg, result, { R: noBooks, S: noBooks }, events).start(Buffer.from('hello'));
    });
  });
  const alice = await connectTo(listener.address);
  const bob = await server.accept();
  listener.close();
  assert.equal((await bob.receive(5)).toString(), 'hello');
  return { alice, bob, counters, server: serverCounters, ends };
}

for (const [name, adopt] of [
  ['its handle', adoptSocket],
  ['its events, when there is no handle to be had', readByEvents],
] as const) {
  test(`an accepted socket that is read through ${name} passes all bytes on`, { timeout }, async () => {
    const { alice, bob, counters, ends } = await join(adopt);
    const got = { R: bob.digest(), S: alice.digest() };
    const pouring = Promise.all([pour(alice, 16 * MB, 3), pour(bob, 16 * MB, 5)]);
    const [R, S] = await pouring;
    alice.end();
    bob.end();
    await until(() => ends.length === 1 && alice.ended && bob.ended, 'the end');
    assert.equal(got.R.digest('hex'), R.sha1);
    assert.equal(got.S.digest('hex'), S.sha1);
    assert.equal(counters.in, R.sent);
    assert.equal(counters.out, S.sent);
    assert.equal(ends[0]!.error, null);
  });

  test(`an accepted socket that is read through ${name} stops its sender`, { timeout }, async () => {
    const { alice, bob, counters } = await join(adopt);
    bob.pause();
    const got = bob.digest();
    const pouring = pour(alice, 48 * MB, 7);
    const accepted = await untilStill(() => alice.sentBytes);
    assert.ok(accepted < 32 * MB);
    assert.equal(await untilStill(() => counters.in), counters.in);
    bob.resume();
    const { sha1 } = await pouring;
    alice.end();
    await until(() => bob.ended, 'the end');
    assert.equal(got.digest('hex'), sha1);
    bob.end();
  });

  test(`an accepted socket that is read through ${name} passes a reset on`, { timeout }, async () => {
    const { alice, bob, ends } = await join(adopt);
    alice.reset();
    await until(() => bob.closed, 'the end');
    assert.equal(bob.error, 'ECONNRESET');
    await until(() => ends.length === 1, 'the end');
    assert.equal(ends[0]!.by, 'client');
  });
}

test(
  'an accepted socket that is read by its events is read without being asked to',
  { timeout },
  async () => {
    let got = '';
    const listener = await listen({ host: '127.0.0.1', port: 0 }, (socket) => {
      readByEvents(socket, (chunk, bytes) => {
        got += chunk.toString('latin1', 0, bytes);
        return true;
      });
    });
    const alice = await connectTo(listener.address);
    listener.close();
    alice.send(Buffer.from('hello'));
    await until(() => got === 'hello', 'the bytes');
    alice.destroy();
  },
);

test('a socket without a handle is read by its events', { timeout }, async () => {
  let got = '';
  const socket = new net.Socket();
  const adopted = adoptSocket(socket, (chunk, bytes) => {
    got += chunk.toString('latin1', 0, bytes);
    return got.length < 5;
  });
  assert.equal(adopted, socket);
  socket.push('hello');
  await until(() => got === 'hello', 'the bytes');
  socket.push(' again');
  assert.equal(adopted.isPaused(), true);
  adopted.resume();
  await until(() => got === 'hello again', 'the rest');
});

test(
  'a small chunk that its receiver does not take stays as it is while others are read',
  { timeout },
  async () => {
    const [stalled, other] = await Promise.all([join(adoptSocket), join(adoptSocket)]);
    stalled.bob.pause();
    const sent = createHash('sha1');
    const got = stalled.bob.digest();
    // One by one: reads that fill the small buffer would have the stalled one read into a large one of its own.
    for (let turn = 0; stalled.server.deferred === 0; turn += 1) {
      const piece = Buffer.alloc(3989, turn);
      sent.update(piece);
      const before = stalled.counters.in;
      stalled.alice.send(piece);
      await until(() => stalled.counters.in === before + piece.length, 'the read');
    }
    for (let turn = 0; turn < 97; turn += 1) {
      const piece = Buffer.alloc(3989, 'o');
      other.alice.send(piece);
      assert.deepEqual(await other.bob.receive(piece.length), piece);
    }
    stalled.bob.resume();
    stalled.alice.end();
    await until(() => stalled.bob.ended, 'the end');
    assert.equal(got.digest('hex'), sent.digest('hex'));
  },
);
