// What one side sends, the other receives, byte for byte, however fast or slowly either of them is.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { client, server } from '../support/messages.ts';
import { connectTrickling, fakeServer, type Peer, socketPath } from '../support/peers.ts';
import {
  assertBalanced,
  greeting,
  onlySession,
  openSession,
  statementOf,
  testProxy,
} from '../support/proxies.ts';
import { pour, randomOf } from '../support/stream.ts';
import { until, untilStill } from '../support/until.ts';

const timeout = 30_000;
const MB = 1024 * 1024;

/** Stops reading now and then, until the stream has ended. */
async function hesitate(peer: Peer, seed: number): Promise<void> {
  const random = randomOf(seed);
  while (!peer.ended) {
    peer.pause();
    for (let turns = random(40); turns > 0; turns -= 1) await setImmediate();
    peer.resume();
    for (let turns = random(200); turns > 0; turns -= 1) await setImmediate();
  }
}

test('both ends of both connections are named as the peers see them', { timeout }, async () => {
  const { proxy, client: alice, server: upstream } = await openSession();
  const ends = { client: alice.ends, server: upstream.ends };
  alice.send(client.terminate());
  alice.end();
  await upstream.receive(client.terminate().length);
  upstream.end();
  const { wire } = onlySession(await proxy.settled());
  for (const leg of ['client', 'server'] as const) {
    const { local, remote, deferred } = wire[leg];
    assert.deepEqual({ local: remote, remote: local }, ends[leg]);
    assert.equal(deferred, 0);
  }
});

test('hundreds of megabytes pass in both directions at once unchanged', { timeout }, async (t) => {
  const { proxy, client: alice, server: upstream } = await openSession();
  alice.send(client.query('start replication'));
  await upstream.receive(client.query('start replication').length);
  upstream.send(server.copyBoth());
  await alice.receive(server.copyBoth().length);
  const received = { R: upstream.digest(), S: alice.digest() };
  const seed = Number(process.env['TEST_SEED'] ?? 23);
  t.diagnostic(`TEST_SEED=${seed}`);
  const bytes = 100 * MB;
  const [R, S] = await Promise.all([
    pour(alice, bytes, seed).finally(() => alice.end()),
    pour(upstream, bytes, seed + 1).finally(() => upstream.end()),
    hesitate(alice, seed + 2),
    hesitate(upstream, seed + 3),
  ]);
  assert.ok(R.sent >= bytes && S.sent >= bytes);
  assert.equal(received.R.digest('hex'), R.sha1);
  assert.equal(received.S.digest('hex'), S.sha1);
  const session = onlySession(await proxy.settled());
  assert.deepEqual(session.undelivered, { R: 0, S: 0 });
  const statement = statementOf(session);
  assert.equal(statement.kind, 'copy_both');
  assert.equal(statement.R.bytes, client.query('start replication').length + R.sent);
  assert.equal(statement.S.bytes, server.copyBoth().length + S.sent);
});

test(
  'a client that reads one byte at a time gets every byte, and the server is stopped meanwhile',
  {
    timeout,
  },
  async () => {
    // Over Unix-domain sockets, whose buffers are small: the back-pressure of most bytes is felt.
    const upstream = await fakeServer({ path: socketPath() });
    const proxy = await testProxy(upstream.address, { listen: [{ path: socketPath() }] });
    const alice = await connectTrickling(proxy.address);
    alice.send(client.startup());
    const bob = await upstream.accept();
    bob.send(greeting);
    alice.send(client.query('copy'));
    await alice.receive(greeting.length);
    await bob.receive(client.startup().length + client.query('copy').length);
    const got = alice.digest();
    const sent = await pour(bob, 600_000, 29);
    bob.end();
    await until(() => alice.ended, 'the end');
    assert.equal(got.digest('hex'), sent.sha1);
    alice.end();
    const session = onlySession(await proxy.settled());
    assert.ok(session.time.client_stall_us > 0);
    assert.ok(session.wire.client.writes < 2000, `${session.wire.client.writes} writes`);
  },
);

for (const [stopped, sender] of [
  ['client', 'server'],
  ['server', 'client'],
] as const) {
  test(
    `a ${stopped} that does not read stops the ${sender}, and gets every byte once it does`,
    {
      timeout,
    },
    async (t) => {
      const { proxy, ...ends } = await openSession();
      const from = ends[sender];
      const to = ends[stopped];
      to.pause();
      const got = to.digest();
      const pouring = pour(from, 64 * MB, 31);
      const accepted = await untilStill(() => from.sentBytes);
      t.diagnostic(
        `the ${sender} could send ${(accepted / MB).toFixed(1)} MB to a ${stopped} that does not read`,
      );
      assert.ok(accepted < 32 * MB, 'more than the kernel could hold');
      const [open] = proxy.proxy.report().sessions;
      assertBalanced(open!);
      const waiting = stopped === 'client' ? open!.undelivered.S : open!.undelivered.R;
      assert.ok(waiting > 0 && waiting <= 64 * 1024, `${waiting} bytes wait in the proxy`);
      to.resume();
      const { sha1 } = await pouring;
      from.end();
      await until(() => to.ended, 'the end');
      assert.equal(got.digest('hex'), sha1);
      to.end();
      await proxy.settled();
    },
  );
}

test(
  'two sides that both send without reading are both stopped, and no byte is lost once they read',
  {
    timeout,
  },
  async () => {
    const { proxy, client: alice, server: bob } = await openSession();
    alice.pause();
    bob.pause();
    const got = { R: bob.digest(), S: alice.digest() };
    const pouring = Promise.all([pour(alice, 48 * MB, 37), pour(bob, 48 * MB, 41)]);
    await untilStill(() => alice.sentBytes + bob.sentBytes);
    assertBalanced(proxy.proxy.report().sessions[0]!);
    alice.resume();
    bob.resume();
    const [R, S] = await pouring;
    alice.end();
    bob.end();
    await until(() => alice.ended && bob.ended, 'the end');
    assert.equal(got.R.digest('hex'), R.sha1);
    assert.equal(got.S.digest('hex'), S.sha1);
    await proxy.settled();
  },
);

test(
  'a read buffer that grows and shrinks in the middle of a stream loses nothing',
  { timeout },
  async () => {
    const { proxy, client: alice, server: bob } = await openSession();
    const got = alice.digest();
    const hash = createHash('sha1').update('');
    for (let round = 0; round < 7; round += 1) {
      const large = Buffer.alloc(300_007 + round, round);
      bob.send(large);
      hash.update(large);
      await until(() => alice.receivedBytes >= bob.sentBytes, 'the large part');
      // Each is read alone: it waits for the one before.
      for (let at = 0; at < 97; at += 1) {
        const small = Buffer.from(`small ${round} ${at}`);
        bob.send(small);
        hash.update(small);
        await until(() => alice.receivedBytes >= bob.sentBytes, 'the small part');
      }
    }
    assert.equal(got.digest('hex'), hash.digest('hex'));
    alice.end();
    bob.end();
    await proxy.settled();
  },
);
