import assert from 'node:assert/strict';
import { test } from 'node:test';
import { client, server } from '../support/messages.ts';
import { fakeServer, freePort, socketPath } from '../support/peers.ts';
import { openSession, testProxy, KEY } from '../support/proxies.ts';
import { until } from '../support/until.ts';

const timeout = 20_000;

for (const bytes of [4, 32, 256]) {
  test(`a cancel request with ${bytes} bytes of key is forwarded unmodified`, { timeout }, async () => {
    const upstream = await fakeServer();
    const proxy = await testProxy(upstream.address);
    const packet = client.cancel(4711, Buffer.alloc(bytes, 7));
    const canceller = await proxy.connect();
    await canceller.deliver(packet.subarray(0, 9));
    canceller.send(packet.subarray(9));
    const bob = await upstream.accept();
    assert.deepEqual(await bob.receive(packet.length), packet);
    // The client's socket stays open until the server has closed its own.
    assert.equal(canceller.ended, false);
    assert.equal(proxy.proxy.report().cancels[0]!.delivered_at, null);
    bob.end();
    assert.deepEqual(await canceller.receiveAll(), Buffer.alloc(0));
    const report = await proxy.settled();
    assert.equal(report.sessions.length, 0);
    const [cancel] = report.cancels;
    assert.equal(cancel!.session, null);
    assert.equal(cancel!.error, null);
    assert.ok(cancel!.delivered_at !== null);
    await until(() => bob.ended || bob.closed, 'the end');
  });
}

test('a cancel request names the session and the statement that it is meant for', { timeout }, async () => {
  const { proxy, upstream, client: alice, server: bob } = await openSession();
  alice.send(client.query('select pg_sleep(1)'));
  await bob.receive(client.query('select pg_sleep(1)').length);
  for (const [packet, found] of [
    [client.cancel(4711, KEY), true],
    [client.cancel(4712, KEY), false],
    [client.cancel(4711, Buffer.from([1, 2, 3, 5])), false],
  ] as const) {
    const canceller = await proxy.connect();
    canceller.send(packet);
    const carrier = await upstream.accept();
    await carrier.receive(packet.length);
    carrier.end();
    await canceller.receiveAll();
    canceller.end();
    const cancel = proxy.proxy.report().cancels.at(-1)!;
    assert.deepEqual([cancel.session, cancel.statement], found ? [1, 1] : [null, null]);
  }
  bob.send(server.error('57014'), server.ready());
  await alice.receive(server.error('57014').length + server.ready().length);
  alice.end();
  bob.end();
  const report = await proxy.settled();
  assert.equal(report.sessions[0]!.statements[0]!.outcome, 'cancelled');
});

test('after SSLRequest it is forwarded as well', { timeout }, async () => {
  const upstream = await fakeServer();
  const proxy = await testProxy(upstream.address);
  const canceller = await proxy.connect();
  canceller.send(client.sslRequest());
  await canceller.receive(1);
  canceller.send(client.cancel(1, KEY));
  const bob = await upstream.accept();
  assert.deepEqual(await bob.receive(16), client.cancel(1, KEY));
  bob.destroy();
  await canceller.receiveAll();
  canceller.end();
  await proxy.settled();
});

test('a server that never closes is left after the time-out, and so is the client', { timeout }, async () => {
  const upstream = await fakeServer();
  const proxy = await testProxy(upstream.address, { cancelTimeoutMs: 101 });
  const canceller = await proxy.connect();
  canceller.send(client.cancel(1, KEY));
  const bob = await upstream.accept();
  await bob.receive(16);
  await canceller.receiveAll();
  await until(() => bob.ended || bob.closed, 'the end');
  const [cancel] = (await proxy.settled()).cancels;
  assert.equal(cancel!.error, 'the server did not close the connection within 0.101 s');
  assert.equal(cancel!.delivered_at, null);
});

for (const upstream of [
  async () => ({ host: '127.0.0.1', port: await freePort() }),
  async () => ({ path: socketPath() }),
]) {
  test('with the server down it closes the client, silently, and is reported', { timeout }, async () => {
    const proxy = await testProxy(await upstream());
    const canceller = await proxy.connect();
    canceller.send(client.cancel(1, KEY));
    assert.deepEqual(await canceller.receiveAll(), Buffer.alloc(0));
    const [cancel] = proxy.proxy.report().cancels;
    assert.match(cancel!.error!, /^could not connect/);
    assert.equal(proxy.log.filter((line) => line.msg.startsWith('cancel request: ')).length, 1);
  });
}

for (const way of ['end', 'destroy', 'reset'] as const) {
  test(
    `a client that closes early (${way}) has its request delivered all the same`,
    { timeout },
    async () => {
      const upstream = await fakeServer();
      const proxy = await testProxy(upstream.address);
      const canceller = await proxy.connect();
      await canceller.deliver(client.cancel(1, KEY));
      const bob = await upstream.accept();
      assert.deepEqual(await bob.receive(16), client.cancel(1, KEY));
      canceller[way]();
      bob.end();
      await until(() => proxy.proxy.report().cancels[0]!.delivered_at !== null, 'the delivery');
      await until(() => bob.ended || bob.closed, 'the end');
    },
  );
}

test('a hundred at once are all delivered', { timeout }, async () => {
  const upstream = await fakeServer();
  upstream.onPeer((peer) => {
    void peer.receive(16).then(() => peer.end());
  });
  const proxy = await testProxy(upstream.address);
  const cancellers = await Promise.all(Array.from({ length: 101 }, () => proxy.connect()));
  for (const [at, canceller] of cancellers.entries()) canceller.send(client.cancel(at, KEY));
  await Promise.all(cancellers.map((canceller) => canceller.receiveAll()));
  const { cancels } = await proxy.settled();
  assert.equal(cancels.filter((cancel) => cancel.delivered_at !== null).length, 101);
});

test('what a client sends behind its request is not kept', { timeout }, async () => {
  const upstream = await fakeServer();
  const proxy = await testProxy(upstream.address);
  const canceller = await proxy.connect();
  canceller.send(client.cancel(1, KEY), Buffer.alloc(1_000_003));
  const bob = await upstream.accept();
  assert.deepEqual(await bob.receive(16), client.cancel(1, KEY));
  bob.end();
  assert.deepEqual(await bob.receiveAll(), Buffer.alloc(0));
  await until(() => canceller.ended || canceller.closed, 'the end');
});

test('stop() gives up those that are under way', { timeout }, async () => {
  const upstream = await fakeServer();
  const proxy = await testProxy(upstream.address);
  const canceller = await proxy.connect();
  canceller.send(client.cancel(1, KEY));
  const bob = await upstream.accept();
  await bob.receive(16);
  const report = proxy.proxy.stop();
  assert.equal(report.cancels[0]!.error, 'pgnetflow stopped');
  await canceller.receiveAll();
  await until(() => bob.ended || bob.closed, 'the end');
});

test('a server that gives no key leaves its sessions uncancellable, and unharmed', { timeout }, async () => {
  const upstream = await fakeServer();
  const proxy = await testProxy(upstream.address);
  const alice = await proxy.connect();
  alice.send(client.startup());
  const bob = await upstream.accept();
  await bob.receive(client.startup().length);
  bob.send(server.authenticationOk(), server.ready());
  alice.send(client.query('select 1'));
  await bob.receive(client.query('select 1').length);
  for (const [processId, key] of [
    [0, Buffer.alloc(4)],
    [-1, Buffer.alloc(256)],
  ] as const) {
    const canceller = await proxy.connect();
    canceller.send(client.cancel(processId, key));
    const carrier = await upstream.accept();
    assert.deepEqual(await carrier.receive(12 + key.length), client.cancel(processId, key));
    carrier.end();
    await canceller.receiveAll();
    canceller.end();
  }
  bob.send(server.complete('SELECT 1'), server.ready());
  bob.end();
  await alice.receiveAll();
  alice.end();
  const { cancels, sessions } = await proxy.settled();
  assert.deepEqual(
    cancels.map(({ session, outcome }) => [session, outcome]),
    [
      [null, 'unknown_key'],
      [null, 'unknown_key'],
    ],
  );
  assert.equal(sessions[0]!.statements[0]!.outcome, 'ok');
});
