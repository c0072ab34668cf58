// Several servers behind one proxy: what one pair of listener and server does, the other does not notice.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ListenerStart } from '../../src/proxy/options.ts';
import { type Address, formatAddress } from '../../src/relay/address.ts';
import { client, server } from '../support/messages.ts';
import { connectTo, type FakeServer, fakeServer, freePort } from '../support/peers.ts';
import {
  ANY_PORT,
  openPair,
  type Pair,
  startTestProxy,
  type TestProxy,
  KEY,
  leave,
  refusalOf,
} from '../support/proxies.ts';
import { acceptTls, connectTls, UPSTREAM_TLS, CLIENT_TLS, openTlsPair } from '../support/tls_peers.ts';

const timeout = 20_000;

/** What every fake server gives out: `openPair` has each of them greet with the same key. */
const CANCEL = client.cancel(4711, KEY);
const QUERY = client.query('select pg_sleep(60)');

async function proxyOf(...listeners: Omit<ListenerStart, 'listen'>[]): Promise<TestProxy> {
  return startTestProxy({ listeners: listeners.map((listener) => ({ listen: [ANY_PORT], ...listener })) });
}

/** The proxy, as a client of its listener number `at` sees it. */
function door(proxy: TestProxy, at: number): TestProxy {
  const address = proxy.proxy.addresses[at]!;
  return { ...proxy, address, connect: () => connectTo(address) };
}

async function openAt(proxy: TestProxy, at: number, upstream: FakeServer): Promise<Pair> {
  return openPair(door(proxy, at), upstream);
}

test('each listener leads to its own server, and the report says which', { timeout }, async () => {
  const [one, other] = [await fakeServer(), await fakeServer()];
  const proxy = await proxyOf({ upstream: one.address }, { upstream: other.address });
  for (const [at, upstream] of [one, other, one].entries()) {
    leave(await openAt(proxy, at % 2, upstream));
  }
  const { sessions } = await proxy.settled();
  const listeners = proxy.proxy.addresses.map(formatAddress);
  const upstreams = [one.address, other.address].map(formatAddress);
  assert.deepEqual(
    sessions.toSorted((a, b) => a.id - b.id).map(({ listener, upstream }) => [listener, upstream]),
    [0, 1, 0].map((at) => [listeners[at], upstreams[at]]),
  );
  for (const { server: reached, upstream } of sessions)
    assert.equal(`${reached?.address}:${reached?.port}`, upstream);
  assert.deepEqual(
    proxy.proxy.pairs.map(({ listens, upstream }) => [listens.map(formatAddress), formatAddress(upstream)]),
    [0, 1].map((at) => [[listeners[at]], upstreams[at]]),
  );
});

test(
  'a cancel request is for the server behind its listener, though both gave out the same key',
  { timeout },
  async () => {
    const upstreams = [await fakeServer(), await fakeServer()];
    const proxy = await proxyOf(...upstreams.map(({ address }) => ({ upstream: address })));
    const pairs = [await openAt(proxy, 0, upstreams[0]!), await openAt(proxy, 1, upstreams[1]!)];
    for (const { client: alice, server: bob } of pairs) {
      alice.send(QUERY);
      await bob.receive(QUERY.length);
    }
    for (const at of [1, 0, 1]) {
      const canceller = await connectTo(proxy.proxy.addresses[at]!);
      canceller.send(CANCEL);
      const carrier = await upstreams[at]!.accept();
      assert.deepEqual(await carrier.receive(CANCEL.length), CANCEL);
      carrier.end();
      await canceller.receiveAll();
      canceller.end();
    }
    const cancels = proxy.proxy.report().cancels;
    assert.deepEqual(
      cancels.map(({ session, upstream }) => [session, upstream]),
      [1, 0, 1].map((at) => [at + 1, formatAddress(upstreams[at]!.address)]),
    );
    // The session that has ended keeps its key: still each request is for that of its own server.
    leave(pairs[0]!);
    const late = await connectTo(proxy.proxy.addresses[0]!);
    late.send(CANCEL);
    const carrier = await upstreams[0]!.accept();
    carrier.end();
    await late.receiveAll();
    late.end();
    assert.equal(proxy.proxy.report().cancels.at(-1)!.session, 1);
    leave(pairs[1]!);
    await proxy.settled();
  },
);

test(
  'a cancel request that comes in at another listener of the same server finds its session',
  { timeout },
  async () => {
    const upstream = await fakeServer();
    const proxy = await proxyOf({ upstream: upstream.address }, { upstream: upstream.address });
    const pair = await openAt(proxy, 0, upstream);
    const canceller = await connectTo(proxy.proxy.addresses[1]!);
    canceller.send(CANCEL);
    (await upstream.accept()).end();
    await canceller.receiveAll();
    canceller.end();
    assert.equal(proxy.proxy.report().cancels[0]!.session, 1);
    leave(pair);
    await proxy.settled();
  },
);

test(
  'TLS is that of the pair: of its clients, of its server, and of cancel requests',
  { timeout },
  async () => {
    const [secure, plain] = [await fakeServer(), await fakeServer()];
    const proxy = await proxyOf(
      {
        upstream: secure.address,
        clientTls: { ...CLIENT_TLS, mode: 'require' },
        upstreamTls: { ...UPSTREAM_TLS, mode: 'verify-ca' },
      },
      { upstream: plain.address },
    );
    const [first, second] = [door(proxy, 0), door(proxy, 1)];
    leave(await openTlsPair(first, secure, { client: true, server: true }));
    leave(await openTlsPair(second, plain, { client: false, server: false }));
    const inTheClear = await first.connect();
    inTheClear.send(client.startup());
    assert.equal((await refusalOf(inTheClear))['C'], '28000');
    const refused = await second.connect();
    refused.send(client.sslRequest());
    assert.equal((await refused.receive(1)).toString(), 'N');
    refused.end();

    const overTls = await connectTls(first.address);
    overTls.send(CANCEL);
    const secureCarrier = await acceptTls(secure);
    assert.deepEqual(await secureCarrier.receive(CANCEL.length), CANCEL);
    secureCarrier.end();
    await overTls.receiveAll();
    overTls.end();
    const clear = await second.connect();
    clear.send(CANCEL);
    const clearCarrier = await plain.accept();
    assert.deepEqual(await clearCarrier.receive(CANCEL.length), CANCEL);
    clearCarrier.end();
    await clear.receiveAll();
    clear.end();
    const { sessions } = await proxy.settled();
    const tls = sessions.filter(({ wire }) => wire.server.tls !== null);
    assert.deepEqual(
      tls.map(({ listener }) => listener),
      [formatAddress(first.address)],
    );
  },
);

test('one server that is gone refuses its own clients only', { timeout }, async () => {
  const upstream = await fakeServer();
  const gone: Address = { host: '127.0.0.1', port: await freePort() };
  const proxy = await proxyOf({ upstream: gone }, { upstream: upstream.address });
  const bystander = await openAt(proxy, 1, upstream);
  for (let at = 0; at < 23; at += 1) {
    const alice = await connectTo(proxy.proxy.addresses[0]!);
    alice.send(client.startup());
    const error = await refusalOf(alice);
    assert.equal(error['C'], '57P03');
    assert.ok(error['M']!.includes(formatAddress(gone)));
  }
  leave(await openAt(proxy, 1, upstream));
  bystander.server.send(server.ready());
  assert.deepEqual(await bystander.client.receive(server.ready().length), server.ready());
  leave(bystander);
  const { sessions } = await proxy.settled();
  const lost = sessions.filter((session) => session.server === null);
  assert.equal(lost.length, 23);
  for (const session of lost) assert.equal(session.upstream, formatAddress(gone));
});

test('limits of a pair are its own: time-outs and who may introduce clients', { timeout }, async () => {
  const upstream = await fakeServer();
  const proxy = await proxyOf(
    { upstream: upstream.address, startupTimeoutMs: 53 },
    { upstream: upstream.address, proxyProtocolFrom: [{ address: '127.0.0.0', prefix: 8 }] },
    { upstream: upstream.address },
  );
  const [impatient, balanced, plain] = proxy.proxy.addresses;
  const patient = await connectTo(plain!);
  const silent = await connectTo(impatient!);
  assert.deepEqual(await silent.receiveAll(), Buffer.alloc(0));
  silent.end();
  const unannounced = await connectTo(balanced!);
  unannounced.send(client.startup());
  assert.match((await refusalOf(unannounced))['M']!, /expected a PROXY protocol header/);
  patient.send(client.startup());
  const bob = await upstream.accept();
  await bob.receive(client.startup().length);
  patient.end();
  bob.end();
  await proxy.settled();
});
