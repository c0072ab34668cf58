// What a proxy meets besides PostgreSQL: servers that are not there, and clients that speak something else.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { Address } from '../../src/relay/address.ts';
import type { SessionRecord } from '../../src/report/model.ts';
import { client, message, server } from '../support/messages.ts';
import { connectTo, fakeServer, freePort, type Peer, socketPath } from '../support/peers.ts';
import {
  greeting,
  onlyError,
  onlySession,
  openSession,
  statementOf,
  testProxy,
  type TestProxy,
  refusalOf,
} from '../support/proxies.ts';
import { until, untilStill } from '../support/until.ts';

const timeout = 20_000;

/** Sends bytes, and expects one ErrorResponse and the close. */
async function refused(
  proxy: TestProxy,
  bytes: Buffer,
): Promise<{ error: Record<string, string>; session: SessionRecord }> {
  const alice = await proxy.connect();
  alice.send(bytes);
  const error = await refusalOf(alice);
  return { error, session: onlySession(await proxy.settled()) };
}

describe('a server that cannot be reached', () => {
  const cases: [string, () => Promise<Address>, RegExp][] = [
    ['nothing listens', async () => ({ host: '127.0.0.1', port: await freePort() }), /connection refused/],
    [
      'nothing listens on any address of a name',
      async () => ({ host: 'localhost', port: await freePort() }),
      /connection refused/,
    ],
    ['unknown host', async () => ({ host: 'no-such-host.invalid', port: 5432 }), /host name/],
    ['no Unix-domain socket', async () => ({ path: socketPath() }), /no such socket/],
    ['a Unix-domain socket with too long a path', async () => ({ path: socketPath('x'.repeat(200)) }), /x/],
    [
      'a file in place of a Unix-domain socket',
      async () => {
        const path = socketPath();
        writeFileSync(path, '');
        return { path };
      },
      /could not connect/,
    ],
  ];
  for (const [name, upstream, reason] of cases) {
    test(`${name}: one ErrorResponse 57P03 that says so`, { timeout }, async () => {
      const proxy = await testProxy(await upstream());
      const { error, session } = await refused(proxy, client.startup());
      assert.equal(error['S'], 'FATAL');
      assert.equal(error['C'], '57P03');
      assert.match(error['M']!, /^could not connect to the PostgreSQL server at /);
      assert.match(error['M']!, reason);
      assert.ok(!error['M']!.includes('\n'));
      assert.equal(session.end_reason, 'refused');
      assert.equal(session.end_detail, error['M']);
      assert.equal(session.undelivered.R, client.startup().length);
      assert.equal(proxy.log.filter((line) => line.level >= 40).length, 1);
    });
  }

  test('a client that has sent megabytes still gets the one ErrorResponse', { timeout }, async () => {
    const proxy = await testProxy({ host: '127.0.0.1', port: await freePort() });
    const { error } = await refused(
      proxy,
      Buffer.concat([
        client.startup(),
        ...Array.from({ length: 101 }, () => client.query('x'.repeat(29_989))),
      ]),
    );
    assert.equal(error['C'], '57P03');
  });

  test(
    'a server that does not answer the connection is given up after the time-out',
    { timeout },
    async () => {
      // An address for documentation (RFC 5737): it is routed nowhere, or is unreachable at once.
      const proxy = await testProxy({ host: '192.0.2.1', port: 5432 }, { connectTimeoutMs: 53 });
      const began = performance.now();
      const { error } = await refused(proxy, client.startup());
      assert.equal(error['C'], '57P03');
      assert.ok(performance.now() - began < 3000);
    },
  );
});

describe('a server that hangs up without a word', () => {
  for (const at of ['127.0.0.1', 'a Unix-domain socket']) {
    for (const way of ['end', 'destroy', 'reset'] as const) {
      if (at !== '127.0.0.1' && way === 'reset') continue;
      test(`(${way}, ${at}) is one ErrorResponse 57P03`, { timeout }, async () => {
        const upstream = await fakeServer(at === '127.0.0.1' ? undefined : { path: socketPath() });
        upstream.onPeer((peer) => {
          peer.socket.once('data', () => peer[way]());
        });
        const proxy = await testProxy(upstream.address);
        const { error, session } = await refused(proxy, client.startup());
        assert.equal(error['C'], '57P03');
        assert.match(error['M']!, /before it answered$/);
        assert.equal(session.end_detail, error['M']);
        assert.equal(session.wire.client.own_out, session.wire.client.bytes_out);
      });

      test(`(${way}, ${at}) reaches a client that has sent megabytes`, { timeout }, async () => {
        const upstream = await fakeServer(at === '127.0.0.1' ? undefined : { path: socketPath() });
        upstream.onPeer((peer) => {
          peer.socket.once('data', () => peer[way]());
        });
        const proxy = await testProxy(upstream.address);
        const much = Array.from({ length: 101 }, () => client.query('x'.repeat(29_989)));
        const { error } = await refused(proxy, Buffer.concat([client.startup(), ...much]));
        assert.equal(error['C'], '57P03');
      });
    }
  }
});

describe('a start-up that is none', () => {
  const HTTP = Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  const cases: [string, Buffer, RegExp][] = [
    ['an HTTP request', HTTP, /looks like HTTP/],
    ['a command of Redis', Buffer.from('*1\r\n$4\r\nPING\r\n'), /looks like Redis/],
    ['a Terminate message, from a client that leaves at once', client.terminate(), /Terminate message/],
    [
      'a TLS handshake',
      Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 1, 0, 1, 0xfc]),
      /TLS handshake.*--tls-cert/,
    ],
    [
      'a length of 2 GB',
      Buffer.from([0x7f, 0xff, 0xff, 0xff, 0, 3, 0, 0]),
      /length would be 2147483647 bytes$/,
    ],
    [
      'a length of 4 GB',
      Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 3, 0, 0]),
      /length would be 4294967295 bytes$/,
    ],
    ['a length of 7', Buffer.from([0, 0, 0, 7, 0, 3, 0]), /length would be 7 bytes$/],
    ['a length of 0', Buffer.alloc(8), /length would be 0 bytes$/],
    [
      'a cancel request without a key',
      client.cancel(1, Buffer.alloc(0)),
      /cancel request of an impossible length \(12 bytes\)$/,
    ],
    [
      'a cancel request whose key is too long',
      client.cancel(1, Buffer.alloc(257)),
      /cancel request of an impossible length \(269 bytes\)$/,
    ],
  ];
  for (const [name, bytes, reason] of cases) {
    test(`${name}: silence, one line in the log, and nothing reaches the server`, { timeout }, async () => {
      const upstream = await fakeServer();
      const proxy = await testProxy(upstream.address);
      const alice = await proxy.connect();
      alice.send(bytes);
      assert.deepEqual(await alice.receiveAll(), Buffer.alloc(0));
      assert.equal(alice.error, undefined, 'no reset: all was read');
      alice.end();
      const session = onlySession(await proxy.settled());
      assert.match(session.end_detail ?? '', reason);
      assert.equal(session.end_reason, 'refused');
      assert.equal(session.wire.client.own_in, bytes.length);
      assert.equal(session.wire.client.bytes_out, 0);
      assert.equal(upstream.connections, 0);
      const logged = proxy.log.filter(({ level }) => level >= 40);
      assert.deepEqual(
        logged.map(({ msg }) => msg),
        [`127.0.0.1: ${session.end_detail}`],
      );
    });
  }

  for (const [request, bytes, reason] of [
    [
      'SSLRequest',
      Buffer.concat([client.sslRequest(), client.startup()]),
      /unencrypted data after SSL request/,
    ],
    [
      'GSSENCRequest',
      Buffer.concat([client.gssencRequest(), Buffer.from('x')]),
      /unencrypted data after GSSAPI encryption request/,
    ],
  ] as const) {
    test(`bytes behind ${request}: its answer, and one ErrorResponse 08P01`, { timeout }, async () => {
      const upstream = await fakeServer();
      const proxy = await testProxy(upstream.address);
      const alice = await proxy.connect();
      alice.send(bytes);
      const answers = await alice.receiveAll();
      assert.equal(answers[0], 0x4e);
      const error = onlyError(answers.subarray(1));
      assert.equal(error['C'], '08P01');
      assert.match(error['M']!, reason);
      alice.end();
      const session = onlySession(await proxy.settled());
      assert.equal(session.end_reason, 'refused');
      assert.equal(session.wire.client.own_in, bytes.length);
      assert.equal(session.wire.client.own_out, session.wire.client.bytes_out);
      assert.equal(upstream.connections, 0);
    });
  }

  test('a TLS handshake that comes byte by byte is told as such', { timeout }, async () => {
    const proxy = await testProxy({ path: socketPath() });
    const alice = await proxy.connect();
    for (const byte of [0x16, 0x03, 0x01, 0x02]) {
      await alice.deliver(Buffer.from([byte]));
      await untilStill(() => proxy.proxy.report().sessions[0]?.wire.client.bytes_in ?? 0, 2);
    }
    assert.deepEqual(await alice.receiveAll(), Buffer.alloc(0));
    alice.end();
    assert.match(onlySession(await proxy.settled()).end_detail ?? '', /TLS handshake/);
  });

  test('megabytes of garbage are not read to their end', { timeout }, async () => {
    const proxy = await testProxy({ path: socketPath() });
    const alice = await proxy.connect();
    alice.send(Buffer.alloc(3_000_017, 0xee));
    assert.deepEqual(await alice.receiveAll(), Buffer.alloc(0));
    const session = onlySession(await proxy.settled());
    assert.equal(session.end_reason, 'refused');
    assert.equal(session.wire.client.own_in, session.wire.client.bytes_in);
    assert.equal(session.balanced, true);
  });

  test('a flood of it is logged once', { timeout }, async () => {
    const proxy = await testProxy({ path: socketPath() });
    for (let at = 0; at < 23; at += 1) {
      const alice = await proxy.connect();
      alice.send(HTTP);
      await alice.receiveAll();
      alice.end();
    }
    await proxy.settled();
    assert.equal(proxy.log.filter(({ level }) => level >= 40).length, 1);
  });

  test('a client that closes in the middle of its start-up packet gets silence', { timeout }, async () => {
    const proxy = await testProxy({ path: socketPath() });
    const alice = await proxy.connect();
    alice.send(client.startup().subarray(0, 11));
    alice.end();
    assert.deepEqual(await alice.receiveAll(), Buffer.alloc(0));
    const session = onlySession(await proxy.settled());
    assert.match(session.end_detail ?? '', /in the middle of its start-up packet/);
    assert.equal(session.balanced, true);
  });

  for (const [name, bytes] of [
    ['nothing', Buffer.alloc(0)],
    ['a part of a packet', client.startup().subarray(0, 11)],
    ['an SSLRequest and no more', client.sslRequest()],
  ] as const) {
    test(`a client that sends ${name} is closed in silence after the time-out`, { timeout }, async () => {
      const proxy = await testProxy({ path: socketPath() }, { startupTimeoutMs: 101 });
      const alice = await proxy.connect();
      if (bytes.length > 0) alice.send(bytes);
      const answer = await alice.receiveAll();
      assert.equal(answer.toString(), name === 'an SSLRequest and no more' ? 'N' : '');
      alice.end();
      const session = onlySession(await proxy.settled());
      assert.equal(session.end_detail, 'no startup packet within 0.101 s');
    });
  }

  test('a client that goes on sending after it was refused is cut off', { timeout }, async () => {
    const proxy = await testProxy({ path: socketPath() });
    const alice = await proxy.connect();
    alice.send(client.gssencRequest(), Buffer.from('x'));
    await alice.receiveAll();
    // It never closes its direction.
    const session = onlySession(await proxy.settled());
    assert.equal(session.end_reason, 'refused');
  });
});

describe('a start-up in pieces', () => {
  test('SSLRequest, GSSENCRequest and StartupMessage on one socket', { timeout }, async () => {
    const upstream = await fakeServer();
    const proxy = await testProxy(upstream.address);
    const alice = await proxy.connect();
    alice.send(client.gssencRequest());
    assert.deepEqual(await alice.receive(1), Buffer.from('N'));
    alice.send(client.sslRequest());
    assert.deepEqual(await alice.receive(1), Buffer.from('N'));
    const startup = client.startup();
    for (const part of [startup.subarray(0, 3), startup.subarray(3, 10), startup.subarray(10)]) {
      await alice.deliver(part);
      await untilStill(() => proxy.proxy.report().sessions[0]?.wire.client.bytes_in ?? 0, 2);
      assert.deepEqual(proxy.proxy.report().sessions[0]!.imbalances, []);
    }
    const bob = await upstream.accept();
    assert.deepEqual(await bob.receive(startup.length), startup);
    bob.send(greeting);
    await alice.receive(greeting.length);
    alice.send(client.terminate());
    alice.end();
    bob.end();
    const session = onlySession(await proxy.settled());
    assert.equal(session.wire.client.own_in, 16);
    assert.equal(session.wire.client.own_out, 2);
    assert.equal(session.R.reads, 4);
    assert.equal(session.accounts.startup.R, startup.length);
  });

  test('with a Query right behind it, all reaches the server', { timeout }, async () => {
    const upstream = await fakeServer();
    const proxy = await testProxy(upstream.address);
    const alice = await proxy.connect();
    const sent = Buffer.concat([client.startup(), client.query('select 1'), client.terminate()]);
    alice.send(sent);
    alice.end();
    const bob = await upstream.accept();
    assert.deepEqual(await bob.receiveAll(), sent);
    const answer = Buffer.concat([greeting, server.complete('SELECT 0'), server.ready()]);
    bob.send(answer);
    bob.end();
    assert.deepEqual(await alice.receiveAll(), answer);
    const session = onlySession(await proxy.settled());
    assert.equal(session.end_reason, 'terminate');
    assert.equal(statementOf(session).R.bytes, client.query('select 1').length);
  });

  test('of protocol 2.0 is relayed unread, with the error of the server', { timeout }, async () => {
    const upstream = await fakeServer();
    const proxy = await testProxy(upstream.address);
    const alice = await proxy.connect();
    const packet = Buffer.alloc(296);
    packet.writeInt32BE(296, 0);
    packet.writeInt32BE(0x0002_0000, 4);
    alice.send(packet);
    const bob = await upstream.accept();
    assert.deepEqual(await bob.receive(296), packet);
    const error = Buffer.from('EFATAL:  unsupported frontend protocol 2.0\n\0');
    bob.send(error);
    bob.end();
    assert.deepEqual(await alice.receiveAll(), error);
    alice.end();
    const session = onlySession(await proxy.settled());
    assert.equal(session.protocol, '2.0');
    assert.equal(session.accounts.opaque.S, error.length);
    assert.equal(session.wire.client.own_out, 0);
  });
});

describe('a length that cannot be, later in the session', () => {
  const impossible = (type: string, length: number): Buffer => {
    const header = message(type);
    header.writeInt32BE(length, 1);
    return header;
  };
  for (const from of ['client', 'server'] as const) {
    for (const length of [3, 0, -1, -2_147_483_648]) {
      test(
        `${length} from the ${from}: relayed unread from there on, and logged once`,
        { timeout },
        async () => {
          const { proxy, ...ends } = await openSession();
          const [sender, receiver]: [Peer, Peer] =
            from === 'client' ? [ends.client, ends.server] : [ends.server, ends.client];
          const bytes = Buffer.concat([
            impossible('Q', length),
            Buffer.alloc(30_011, 'Z'),
            impossible('d', 2),
          ]);
          sender.send(bytes.subarray(0, 3));
          assert.deepEqual(await receiver.receive(3), bytes.subarray(0, 3));
          sender.send(bytes.subarray(3));
          assert.deepEqual(await receiver.receive(bytes.length - 3), bytes.subarray(3));
          // The other direction goes on, unread too.
          receiver.send(bytes);
          assert.deepEqual(await sender.receive(bytes.length), bytes);
          ends.client.end();
          ends.server.end();
          const session = onlySession(await proxy.settled());
          const both = { R: bytes.length, S: bytes.length };
          const { R, S } = session.accounts.opaque;
          assert.deepEqual({ R, S }, both);
          const warnings = proxy.log.filter((line) => line.level >= 40);
          assert.equal(warnings.length, 1);
          assert.match(warnings[0]!.msg, new RegExp(`the ${from} sent .* impossible length ${length};`));
        },
      );
    }
  }
});

test('an upstream given by a name that has two addresses is found at the second', { timeout }, async () => {
  const upstream = await fakeServer();
  assert.ok('port' in upstream.address);
  const proxy = await testProxy({ host: 'localhost', port: upstream.address.port });
  const alice = await proxy.connect();
  alice.send(client.startup());
  const bob = await upstream.accept();
  bob.send(greeting);
  assert.deepEqual(await alice.receive(greeting.length), greeting);
  alice.end();
  bob.end();
  const session = onlySession(await proxy.settled());
  assert.deepEqual(session.server, { address: '127.0.0.1', port: upstream.address.port });
});

test('one bad client disturbs no other', { timeout }, async () => {
  const { proxy, client: alice, server: bob } = await openSession();
  const bad = await Promise.all(Array.from({ length: 23 }, () => connectTo(proxy.address)));
  for (const [at, peer] of bad.entries()) {
    if (at % 3 === 0) peer.reset();
    else peer.send(Buffer.alloc(1 + at * 997, at));
  }
  alice.send(client.query('select 1'));
  await bob.receive(client.query('select 1').length);
  bob.send(server.complete('SELECT 1'), server.ready());
  await alice.receive(server.complete('SELECT 1').length + server.ready().length);
  for (const peer of [...bad, alice, bob]) peer.end();
  const report = await proxy.settled();
  assert.equal(report.sessions.length, 24);
  await until(() => bad.every((peer) => peer.closed), 'the bad ones');
});
