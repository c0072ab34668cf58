// Clients that come through a load balancer, which says for whom it connects.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Network } from '../../src/relay/networks.ts';
import { client, server } from '../support/messages.ts';
import { connectTo, fakeServer, type FakeServer, type Peer, socketPath } from '../support/peers.ts';
import { greeting, onlySession, testProxy, type TestProxy, KEY, refusalOf } from '../support/proxies.ts';
import { until } from '../support/until.ts';

const timeout = 20_000;
const LOCALHOST: Network = { address: '127.0.0.0', prefix: 8 };
const STRANGERS: Network = { address: '192.0.2.0', prefix: 24 };

const V1 = Buffer.from('PROXY TCP4 203.0.113.9 192.0.2.2 56324 5432\r\n');
const V2 = Buffer.from('0d0a0d0a000d0a515549540a2111000ccb007109c0000202dc041538', 'hex');
const V2_IPV6 = Buffer.from(
  '0d0a0d0a000d0a515549540a2121002420010db800000000000000000000000100000000000000000000000000000001dc041538',
  'hex',
);
const V1_UNKNOWN = Buffer.from('PROXY UNKNOWN\r\n');
const V2_LOCAL = Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex');

const HEADERS: readonly [name: string, header: Buffer, client: string | null][] = [
  ['version 1', V1, '203.0.113.9'],
  ['version 2', V2, '203.0.113.9'],
  ['version 2 with IPv6', V2_IPV6, '2001:db8::1'],
  ['version 1, UNKNOWN', V1_UNKNOWN, null],
  ['version 2, LOCAL', V2_LOCAL, null],
];

async function balanced(): Promise<{ proxy: TestProxy; upstream: FakeServer }> {
  const upstream = await fakeServer();
  return { upstream, proxy: await testProxy(upstream.address, { proxyProtocolFrom: [LOCALHOST] }) };
}

/** Ends a session that has just sent its StartupMessage, and checks whose it is. */
async function proveSession(
  { proxy, upstream }: { proxy: TestProxy; upstream: FakeServer },
  alice: Peer,
  header: Buffer,
  address: string | null,
): Promise<void> {
  const bob = await upstream.accept();
  // Not a byte of the header reaches the server.
  assert.deepEqual(await bob.receive(client.startup().length), client.startup());
  bob.send(greeting);
  await alice.receive(greeting.length);
  alice.send(client.query('select 1'));
  await bob.receive(client.query('select 1').length);
  bob.send(server.complete('SELECT 1'), server.ready());
  await alice.receive(server.complete('SELECT 1').length + server.ready().length);
  const own = { address: '127.0.0.1', port: alice.socket.localPort };
  alice.end();
  bob.end();
  const session = onlySession(await proxy.settled());
  if (address === null) {
    assert.deepEqual([session.client, session.via], [own, null]);
  } else {
    assert.deepEqual([session.client, session.via], [{ address, port: 56324 }, own]);
  }
  assert.equal(session.wire.client.own_in, header.length);
  assert.equal(session.wire.client.bytes_in, session.R.bytes + header.length);
}

describe('a PROXY protocol header', () => {
  for (const [name, header, address] of HEADERS) {
    test(`${name}: names the client, in one packet with what follows`, { timeout }, async () => {
      const running = await balanced();
      const alice = await running.proxy.connect();
      alice.send(Buffer.concat([header, client.startup()]));
      await proveSession(running, alice, header, address);
    });

    test(`${name}: names the client, byte by byte`, { timeout }, async () => {
      const running = await balanced();
      const alice = await running.proxy.connect();
      for (const byte of Buffer.concat([header, client.startup()])) await alice.deliver(Buffer.of(byte));
      await proveSession(running, alice, header, address);
    });
  }

  test('comes before an SSLRequest, whose one byte is still the only answer', { timeout }, async () => {
    const running = await balanced();
    const alice = await running.proxy.connect();
    alice.send(Buffer.concat([V2, client.sslRequest()]));
    assert.equal((await alice.receive(1)).toString(), 'N');
    alice.send(client.startup());
    await proveSession(running, alice, Buffer.concat([V2, client.sslRequest()]), '203.0.113.9');
  });

  test('names the client of a cancel request', { timeout }, async () => {
    const { proxy, upstream } = await balanced();
    const canceller = await proxy.connect();
    canceller.send(Buffer.concat([V1, client.cancel(1, KEY)]));
    const carrier = await upstream.accept();
    assert.deepEqual(await carrier.receive(16), client.cancel(1, KEY));
    carrier.end();
    await canceller.receiveAll();
    const port = canceller.socket.localPort;
    canceller.end();
    const [cancel] = (await proxy.settled()).cancels;
    assert.deepEqual(cancel!.client, { address: '203.0.113.9', port: 56324 });
    assert.deepEqual(cancel!.via, { address: '127.0.0.1', port });
  });

  test('is all that a health check sends: no session with bytes, no log line', { timeout }, async () => {
    for (const header of [V2_LOCAL, V1_UNKNOWN, Buffer.alloc(0)]) {
      const { proxy, upstream } = await balanced();
      const check = await proxy.connect();
      check.send(header);
      check.end();
      await check.receiveAll();
      const session = onlySession(await proxy.settled());
      assert.deepEqual([session.R.bytes, session.S.bytes, session.end_reason], [0, 0, 'refused']);
      assert.equal(upstream.connections, 0);
      assert.deepEqual(
        proxy.log.filter(({ level }) => level >= 40),
        [],
      );
    }
  });

  test(
    'must come from a balancer: without one it is refused, and the log says so once',
    { timeout },
    async () => {
      const { proxy, upstream } = await balanced();
      for (let at = 0; at < 23; at += 1) {
        const alice = await proxy.connect();
        alice.send(at % 2 === 0 ? client.startup() : client.cancel(1, KEY));
        const error = await refusalOf(alice);
        assert.deepEqual([error['S'], error['C']], ['FATAL', '08P01']);
        assert.match(
          error['M']!,
          /expected a PROXY protocol header from 127\.0\.0\.1, which --proxy-protocol-from/,
        );
      }
      const report = await proxy.settled();
      assert.equal(upstream.connections, 0);
      assert.equal(report.cancels.length, 0);
      assert.match(report.sessions[0]!.end_detail!, /does not begin with a PROXY protocol header/);
      assert.equal(proxy.log.filter(({ level }) => level >= 40).length, 1);
    },
  );

  test('that is damaged is refused, and the error says how', { timeout }, async () => {
    const { proxy } = await balanced();
    const alice = await proxy.connect();
    alice.send(Buffer.from('PROXY TCP4 203.0.113.9 192.0.2.2 563245 5432\r\n'), client.startup());
    assert.match((await refusalOf(alice))['M']!, /a port that is none/);
    await proxy.settled();
  });

  test('that never ends is ended by --startup-timeout', { timeout }, async () => {
    const upstream = await fakeServer();
    const proxy = await testProxy(upstream.address, {
      proxyProtocolFrom: [LOCALHOST],
      startupTimeoutMs: 101,
    });
    const alice = await proxy.connect();
    alice.send(V1.subarray(0, 20));
    assert.deepEqual(await alice.receiveAll(), Buffer.alloc(0));
    alice.end();
    assert.match(onlySession(await proxy.settled()).end_detail ?? '', /no startup packet within/);
  });

  for (const [name, header] of HEADERS) {
    for (const networks of [[], [STRANGERS]]) {
      test(
        `${name}: from a stranger is no start-up packet (${networks.length} balancers)`,
        { timeout },
        async () => {
          const upstream = await fakeServer();
          const proxy = await testProxy(upstream.address, { proxyProtocolFrom: networks });
          const alice = await proxy.connect();
          alice.send(Buffer.concat([header, client.startup()]));
          assert.deepEqual(await alice.receiveAll(), Buffer.alloc(0));
          const port = alice.socket.localPort;
          alice.end();
          const session = onlySession(await proxy.settled());
          assert.match(session.end_detail ?? '', /--proxy-protocol-from/);
          // It has not become anybody else.
          assert.deepEqual([session.client, session.via], [{ address: '127.0.0.1', port }, null]);
          assert.equal(upstream.connections, 0);
        },
      );
    }
  }

  test('may come over a Unix-domain socket, when that is named', { timeout }, async () => {
    const upstream = await fakeServer();
    const path = socketPath();
    const proxy = await testProxy(upstream.address, { listen: [{ path }], proxyProtocolFrom: ['unix'] });
    const alice = await connectTo({ path });
    alice.send(Buffer.concat([V1, client.startup()]));
    const bob = await upstream.accept();
    await bob.receive(client.startup().length);
    alice.end();
    bob.end();
    await until(() => proxy.proxy.openSessions === 0, 'the end');
    const session = onlySession(await proxy.settled());
    assert.deepEqual(session.client, { address: '203.0.113.9', port: 56324 });
    assert.deepEqual(session.via, { address: path, port: 0 });
  });
});
