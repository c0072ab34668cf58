import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Leg } from '../../src/relay/leg.ts';
import { noTraffic } from '../../src/session/leg_totals.ts';
import { connectSocket } from '../../src/relay/read_buffer.ts';
import { type Address } from '../../src/relay/address.ts';
import { fakeServer, type Peer, socketPath } from '../support/peers.ts';
import { until, untilStill } from '../support/until.ts';

const timeout = 10_000;

interface Opened {
  readonly leg: Leg;
  readonly peer: Peer;
  /** How often it was told that it is closed. */
  readonly closes: (string | null)[];
}

async function openLeg(at?: Address): Promise<Opened> {
  const server = await fakeServer(at);
  const closes: (string | null)[] = [];
  const leg = new Leg((onRead) => connectSocket(server.address, onRead), noTraffic(), {
    read: () => true,
    ended: () => undefined,
    closed: (error) => closes.push(error === null ? null : (error.code ?? error.message)),
  });
  await once(leg.socket, 'connect');
  return { leg, peer: await server.accept(), closes };
}

for (const at of [undefined, { path: socketPath() }]) {
  const kind = at === undefined ? 'TCP' : 'a Unix-domain socket';

  test(`what could not be written over ${kind} is not counted as taken`, { timeout }, async () => {
    const { leg, peer, closes } = await openLeg(at);
    leg.pause();
    peer.destroy();
    await until(() => peer.closed, 'the close');
    // The first write over TCP still goes out, and is answered with a reset.
    let taken = 0;
    await until(() => {
      if (leg.write(Buffer.from('lost'), () => undefined)) taken += 4;
      return leg.socket.errored !== null;
    }, 'a write that fails');
    await until(() => closes.length > 0, 'the close');
    assert.equal(leg.counters.out, taken);
    assert.equal(closes.length, 1);
    assert.match(String(closes[0]), /EPIPE|ECONNRESET/);
  });

  for (const [moment, wait] of [
    ['at once', async () => undefined],
    ['in a microtask', async () => Promise.resolve()],
    ['in the next tick', async () => new Promise((resolve) => process.nextTick(resolve))],
    ['in the next turn', async () => setImmediate()],
  ] as const) {
    test(`a reset behind an end over ${kind} closes (${moment})`, { timeout }, async () => {
      const { leg, peer, closes } = await openLeg(at);
      leg.end();
      await wait();
      leg.reset();
      leg.reset();
      await until(() => closes.length > 0, 'the close');
      await until(() => peer.ended || peer.closed, 'the end');
      assert.deepEqual(closes, [null]);
    });
  }

  test(`a reset of ${kind} while the other end does not read closes`, { timeout }, async () => {
    const { leg, peer, closes } = await openLeg(at);
    peer.pause();
    await until(() => !leg.write(Buffer.alloc(65_536), () => assert.fail('taken')), 'back-pressure');
    leg.end();
    leg.reset();
    await until(() => closes.length > 0, 'the close');
    assert.deepEqual(closes, [null]);
  });
}

test('a chunk is taken once the other end reads, and not before', { timeout }, async () => {
  const { leg, peer } = await openLeg();
  peer.pause();
  let taken = 0;
  let written = 0;
  await until(() => {
    written += 65_536;
    return !leg.write(Buffer.alloc(65_536), () => {
      taken += 1;
    });
  }, 'back-pressure');
  await untilStill(() => taken);
  assert.equal(taken, 0);
  assert.equal(leg.counters.out, written - 65_536);
  peer.resume();
  await until(() => taken === 1, 'the callback');
  assert.equal(leg.counters.out, written);
  assert.equal(leg.counters.writes, written / 65_536);
  leg.end();
  await until(() => peer.ended, 'the end');
  assert.equal(peer.receivedBytes, written);
});
