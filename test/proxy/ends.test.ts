// How sessions end: what one side does, the other sees, and what moved until then is in the books.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { client, message, server } from '../support/messages.ts';
import { connectTo, type FakeServer, fakeServer, socketPath } from '../support/peers.ts';
import {
  assertBalanced,
  greeting,
  onlySession,
  openPair,
  openSession,
  statementOf,
  testProxy,
  type TestProxy,
  leave,
  onlyError,
  type Pair,
} from '../support/proxies.ts';
import { pour } from '../support/stream.ts';
import { LEGS } from '../support/legs.ts';
import { CLIENT_TLS, openTlsPair, UPSTREAM_TLS } from '../support/tls_peers.ts';
import { until, untilStill } from '../support/until.ts';

const timeout = 20_000;
const MB = 1024 * 1024;
const query = client.query('select 1');
const reply = Buffer.concat([
  server.rowDescription(),
  server.dataRow('1'),
  server.complete('SELECT 1'),
  server.ready(),
]);

/** A session through the same proxy that must not notice what happens to the other. */
async function bystander(proxy: TestProxy, upstream: FakeServer): Promise<() => Promise<void>> {
  const pair = await openPair(proxy, upstream);
  return async () => {
    pair.client.send(query);
    await pair.server.receive(query.length);
    pair.server.send(reply);
    await pair.client.receive(reply.length);
    pair.client.send(client.terminate());
    leave(pair);
  };
}

/** A session with TLS on some of its legs. */
async function openLegs(legs: (typeof LEGS)[number]): Promise<Pair & { readonly proxy: TestProxy }> {
  const upstream = await fakeServer();
  const proxy = await testProxy(upstream.address, {
    ...(legs.client && { clientTls: CLIENT_TLS }),
    ...(legs.server && { upstreamTls: UPSTREAM_TLS }),
  });
  return { proxy, ...(await openTlsPair(proxy, upstream, legs)) };
}

describe('a close in order', () => {
  test(
    'of the client reaches the server, whose late reply still reaches the client',
    { timeout },
    async () => {
      const { proxy, client: alice, server: bob } = await openSession();
      alice.send(query);
      alice.end();
      assert.deepEqual(await bob.receiveAll(), query);
      assert.equal(alice.ended, false);
      bob.send(reply);
      bob.end();
      assert.deepEqual(await alice.receiveAll(), reply);
      const session = onlySession(await proxy.settled());
      assert.equal(session.end_reason, 'client_closed');
      assert.equal(session.end_detail, null);
      assert.equal(statementOf(session).outcome, 'ok');
    },
  );

  test(
    'of the server reaches the client, whose late message still reaches the server',
    { timeout },
    async () => {
      const { proxy, client: alice, server: bob } = await openSession();
      bob.end();
      assert.deepEqual(await alice.receiveAll(), Buffer.alloc(0));
      assert.equal(bob.ended, false);
      alice.send(client.terminate());
      alice.end();
      assert.deepEqual(await bob.receiveAll(), client.terminate());
      const session = onlySession(await proxy.settled());
      assert.equal(session.end_reason, 'terminate');
    },
  );

  test('of the server while nothing is owed is server_closed', { timeout }, async () => {
    const { proxy, client: alice, server: bob } = await openSession();
    bob.end();
    await alice.receiveAll();
    alice.end();
    const session = onlySession(await proxy.settled());
    assert.equal(session.end_reason, 'server_closed');
    assert.equal(session.end_detail, null);
  });

  test('with Terminate right behind a Query does not lose the reply', { timeout }, async () => {
    const { proxy, client: alice, server: bob } = await openSession();
    alice.send(Buffer.concat([query, client.terminate()]));
    assert.equal((await bob.receive(query.length + 5)).length, query.length + 5);
    bob.send(reply);
    bob.end();
    assert.deepEqual(await alice.receiveAll(), reply);
    alice.end();
    const session = onlySession(await proxy.settled());
    assert.equal(session.end_reason, 'terminate');
    const statement = statementOf(session);
    assert.equal(statement.outcome, 'ok');
    assert.equal(statement.S.bytes, reply.length);
  });

  test('of both at once ends the session', { timeout }, async () => {
    const { proxy, client: alice, server: bob } = await openSession();
    alice.end();
    bob.end();
    await proxy.settled();
    await until(() => alice.ended && bob.ended, 'both ends');
  });

  test('comes behind megabytes that a slow client has not read yet', { timeout }, async () => {
    const { proxy, client: alice, server: bob } = await openSession();
    alice.send(query);
    await bob.receive(query.length);
    alice.pause();
    const got = alice.digest();
    const pouring = pour(bob, 24 * MB, 7);
    await untilStill(() => bob.sentBytes);
    alice.end();
    alice.resume();
    const { sha1 } = await pouring;
    bob.end();
    await until(() => alice.ended, 'the end');
    assert.equal(got.digest('hex'), sha1);
    const session = onlySession(await proxy.settled());
    assert.equal(session.end_reason, 'aborted');
    assert.equal(statementOf(session).outcome, 'aborted');
    assert.deepEqual(session.undelivered, { R: 0, S: 0 });
  });
});

describe('a server that sends what is not the protocol', () => {
  const garbage = Buffer.from([0x44, 0xff, 0xff, 0xff, 0xfb, 1, 2, 3]);
  const detail =
    'the server sent a message of type "D" with the impossible length -5, and was not read from there on';

  test('while a statement is open, and closes, is aborted', { timeout }, async () => {
    const { proxy, client: alice, server: bob } = await openSession();
    alice.send(query);
    await bob.receive(query.length);
    bob.send(garbage);
    bob.end();
    assert.deepEqual(await alice.receiveAll(), garbage);
    alice.end();
    const session = onlySession(await proxy.settled());
    assert.equal(session.end_reason, 'aborted');
    assert.equal(session.end_detail, `${detail}; the server closed the connection before all was answered`);
    assert.equal(statementOf(session).outcome, 'aborted');
  });

  test('while nothing is owed, and closes, is server_closed', { timeout }, async () => {
    const { proxy, client: alice, server: bob } = await openSession();
    bob.send(garbage);
    bob.end();
    assert.deepEqual(await alice.receiveAll(), garbage);
    alice.end();
    const session = onlySession(await proxy.settled());
    assert.deepEqual([session.end_reason, session.end_detail], ['server_closed', detail]);
  });
});

describe('a FATAL error of the server', () => {
  const fatal = server.error('57P01', 'FATAL');

  test('while idle reaches the client before the close, and is the end detail', { timeout }, async () => {
    const { proxy, upstream, client: alice, server: bob } = await openSession();
    const others = await bystander(proxy, upstream);
    bob.send(fatal);
    bob.end();
    assert.deepEqual(await alice.receiveAll(), fatal);
    alice.end();
    await others();
    const report = await proxy.settled();
    const session = report.sessions.find((each) => each.id === 1)!;
    assert.equal(session.end_reason, 'server_closed');
    assert.equal(session.end_detail, 'FATAL 57P01: it failed');
    assert.equal(session.accounts.async.S, fatal.length);
  });

  test('is the end detail even when the client closes first', { timeout }, async () => {
    const { proxy, client: alice, server: bob } = await openSession();
    bob.send(fatal);
    await alice.receive(fatal.length);
    alice.end();
    await bob.receiveAll();
    bob.end();
    const session = onlySession(await proxy.settled());
    assert.equal(session.end_detail, 'FATAL 57P01: it failed');
  });

  for (let round = 1; round <= 7; round += 1) {
    test(
      `reaches a client in the middle of its COPY, though the server leaves bytes unread (${round})`,
      {
        timeout,
      },
      async () => {
        const { proxy, client: alice, server: bob } = await openSession();
        alice.send(client.query('copy t from stdin'));
        await bob.receive(client.query('copy t from stdin').length);
        bob.send(server.copyIn());
        await alice.receive(server.copyIn().length);
        const pouring = pour(alice, 48 * MB, round);
        await until(() => bob.receivedBytes > round * MB, 'some of the COPY');
        bob.pause();
        if (round % 2 === 0) await untilStill(() => alice.sentBytes);
        await bob.deliver(fatal);
        bob.destroy();
        assert.deepEqual(await alice.receive(fatal.length), fatal);
        alice.destroy();
        await pouring;
        const session = onlySession(await proxy.settled());
        assert.equal(session.end_reason, 'aborted');
        assert.equal(session.end_detail, 'FATAL 57P01: it failed');
        const statement = statementOf(session);
        assert.equal(statement.outcome, 'error');
        assert.equal(statement.sqlstate, '57P01');
        assert.ok(statement.R.bytes > round * MB);
      },
    );
  }
});

describe('a broken connection', () => {
  test('of the client in the middle of its COPY breaks the one of the server', { timeout }, async () => {
    const { proxy, upstream, client: alice, server: bob } = await openSession();
    const others = await bystander(proxy, upstream);
    alice.send(client.query('copy t from stdin'));
    await bob.receive(client.query('copy t from stdin').length);
    bob.send(server.copyIn());
    await alice.receive(server.copyIn().length);
    const data = client.copyData('x'.repeat(10_007)).subarray(0, 5003);
    alice.send(data);
    await bob.receive(data.length);
    alice.reset();
    await until(() => bob.closed || bob.ended, 'the end');
    bob.destroy();
    await others();
    const report = await proxy.settled();
    const session = report.sessions.find((each) => each.id === 1)!;
    assert.equal(session.end_reason, 'aborted');
    assert.match(session.end_detail ?? '', /^client connection: .*ECONNRESET/);
    const statement = statementOf(session);
    assert.equal(statement.outcome, 'aborted');
    assert.equal(statement.R.bytes, client.query('copy t from stdin').length + data.length);
    assert.equal(bob.error, 'ECONNRESET');
  });

  for (const legs of LEGS) {
    const tls = JSON.stringify(legs);
    test(
      `of a client that is not read from, for the server does not read, breaks the one of the server (TLS ${tls})`,
      {
        timeout,
      },
      async () => {
        const { proxy, client: alice, server: bob } = await openLegs(legs);
        alice.send(client.query('copy t from stdin'));
        await bob.receive(client.query('copy t from stdin').length);
        bob.pause();
        const pouring = pour(alice, 48 * MB, 11);
        await untilStill(() => alice.sentBytes);
        alice.reset();
        await pouring;
        // The server does not read, and cannot see the end either.
        await until(() => proxy.proxy.openSessions === 0, 'the end');
        bob.resume();
        await until(() => bob.closed || bob.ended, 'the end');
        bob.destroy();
        const session = onlySession(await proxy.settled());
        assert.equal(session.end_reason, 'aborted');
        assert.match(session.end_detail ?? '', /^client connection: .*ECONNRESET/);
        assert.ok(session.undelivered.R > 0);
      },
    );

    test(
      `of a client that is not read from, for ten thousand answers are owed, breaks the one of the server (TLS ${tls})`,
      {
        timeout,
      },
      async () => {
        const { proxy, client: alice, server: bob } = await openLegs(legs);
        bob.digest();
        const asked = Buffer.concat(Array.from({ length: 30_011 }, () => client.query('')));
        alice.send(asked);
        await untilStill(() => bob.receivedBytes);
        assert.ok(bob.receivedBytes < asked.length);
        alice.reset();
        await until(() => bob.closed || bob.ended, 'the end');
        bob.destroy();
        const session = onlySession(await proxy.settled());
        assert.equal(session.end_reason, 'aborted');
        assert.match(session.end_detail ?? '', /^client connection: .*ECONNRESET/);
        assert.equal(session.undelivered.R, 0);
      },
    );
  }

  test(
    'is not what the close of one direction is taken for, while it stands behind what is not read',
    { timeout },
    async () => {
      const { proxy, client: alice, server: bob } = await openSession({ maxQueryBytes: 0 });
      const empty = client.query('');
      const answer = Buffer.concat([server.emptyQuery(), server.ready()]);
      const asked = 30_011;
      const before = bob.receivedBytes;
      alice.digest();
      bob.digest();
      alice.send(Buffer.alloc(asked * empty.length, empty));
      alice.end();
      await untilStill(() => bob.receivedBytes, 150);
      assert.equal(proxy.proxy.openSessions, 1);
      for (let answered = 0; answered < asked;) {
        const come = Math.floor((bob.receivedBytes - before) / empty.length);
        if (come > answered) bob.send(Buffer.alloc((come - answered) * answer.length, answer));
        else await until(() => bob.receivedBytes - before >= (answered + 1) * empty.length, 'the next query');
        answered = come;
      }
      await until(() => bob.ended, 'the close');
      bob.end();
      await until(() => alice.ended, 'the end');
      assert.equal(alice.receivedBytes, greeting.length + asked * answer.length);
      const session = onlySession(await proxy.settled());
      assert.deepEqual([session.end_reason, session.end_detail], ['client_closed', null]);
    },
  );

  test('of the client while the server sends states what it did not get', { timeout }, async () => {
    const { proxy, client: alice, server: bob } = await openSession();
    alice.send(query);
    await bob.receive(query.length);
    alice.pause();
    const pouring = pour(bob, 48 * MB, 13);
    await untilStill(() => bob.sentBytes);
    alice.reset();
    const { sent } = await pouring;
    const session = onlySession(await proxy.settled());
    assert.equal(session.end_reason, 'aborted');
    assert.equal(statementOf(session).outcome, 'aborted');
    assert.ok(session.undelivered.S > 0);
    assert.ok(statementOf(session).S.bytes <= sent);
    assert.equal(
      statementOf(session).S.bytes,
      session.wire.client.bytes_out + session.undelivered.S - greeting.length,
    );
  });

  test('of a client and a server that both do not read leaves nothing behind', { timeout }, async () => {
    const { proxy, client: alice, server: bob } = await openSession();
    alice.pause();
    bob.pause();
    const pouring = Promise.all([pour(alice, 48 * MB, 17), pour(bob, 48 * MB, 19)]);
    await untilStill(() => alice.sentBytes + bob.sentBytes);
    alice.reset();
    // The server writes only, as a backend that is blocked in its send does.
    await until(() => bob.closed || proxy.proxy.openSessions === 0, 'the end');
    bob.destroy();
    await pouring;
    const session = onlySession(await proxy.settled());
    assert.equal(session.end_reason, 'aborted');
    assert.ok(session.undelivered.R > 0 && session.undelivered.S > 0);
  });

  test('of the server in the middle of its reply breaks the one of the client', { timeout }, async () => {
    const { proxy, upstream, client: alice, server: bob } = await openSession();
    const others = await bystander(proxy, upstream);
    alice.send(query);
    await bob.receive(query.length);
    const part = message('D', Buffer.alloc(9973)).subarray(0, 4999);
    bob.send(part);
    await alice.receive(part.length);
    bob.reset();
    await until(() => alice.closed, 'the end');
    assert.equal(alice.error, 'ECONNRESET');
    await others();
    const report = await proxy.settled();
    const session = report.sessions.find((each) => each.id === 1)!;
    assert.equal(session.end_reason, 'aborted');
    assert.match(session.end_detail ?? '', /^server connection: .*ECONNRESET/);
    assert.equal(statementOf(session).outcome, 'aborted');
    assert.equal(statementOf(session).S.bytes, part.length);
  });

  test('of the server that closes in the middle of its reply is aborted', { timeout }, async () => {
    const { proxy, client: alice, server: bob } = await openSession();
    alice.send(query);
    await bob.receive(query.length);
    bob.send(reply.subarray(0, 7));
    bob.end();
    assert.deepEqual(await alice.receiveAll(), reply.subarray(0, 7));
    alice.end();
    const session = onlySession(await proxy.settled());
    assert.equal(session.end_reason, 'aborted');
    assert.equal(statementOf(session).outcome, 'aborted');
  });

  test(
    'of the server does not cut what it sent before to a client that reads slowly',
    { timeout },
    async () => {
      const { proxy, client: alice, server: bob } = await openSession();
      alice.send(query);
      await bob.receive(query.length);
      alice.pause();
      const got = alice.digest();
      const poured = await Promise.race([pour(bob, 2 * MB, 43), untilStill(() => bob.sentBytes, 200)]);
      assert.ok(typeof poured === 'object');
      await until(() => bob.socket.writableLength === 0, 'the kernel');
      bob.end();
      await untilStill(() => proxy.proxy.report().sessions[0]!.wire.server.bytes_in);
      alice.resume();
      await until(() => alice.ended || alice.closed, 'the end');
      assert.equal(got.digest('hex'), poured.sha1);
      alice.end();
      await proxy.settled();
    },
  );

  test('of either side over Unix-domain sockets ends both', { timeout }, async () => {
    const upstream = await fakeServer({ path: socketPath() });
    const proxy = await testProxy(upstream.address, { listen: [{ path: socketPath() }] });
    for (const side of ['client', 'server'] as const) {
      const pair = await openPair(proxy, upstream);
      pair.client.send(query);
      await pair.server.receive(query.length);
      pair[side].destroy();
      const other = side === 'client' ? pair.server : pair.client;
      await until(() => other.closed || other.ended, 'the end');
      other.destroy();
    }
    const report = await proxy.settled();
    assert.deepEqual(
      report.sessions.map((session) => session.end_reason),
      ['aborted', 'aborted'],
    );
    assert.equal(report.sessions[0]!.client.port, 0);
  });
});

describe('a client that closes early', () => {
  test('while the server is dialled leaves nothing behind', { timeout }, async () => {
    const upstream = await fakeServer();
    const proxy = await testProxy(upstream.address);
    for (const way of ['end', 'destroy', 'reset'] as const) {
      const alice = await proxy.connect();
      await alice.deliver(client.startup());
      alice[way]();
      const bob = await upstream.accept();
      await until(() => bob.ended || bob.closed, 'the end');
      bob.end();
      alice.end();
    }
    const report = await proxy.settled();
    assert.equal(report.sessions.length, 3);
  });

  test('without a word leaves a refused session with no bytes', { timeout }, async () => {
    const upstream = await fakeServer();
    const proxy = await testProxy(upstream.address);
    for (const way of ['end', 'reset'] as const) {
      const alice = await proxy.connect();
      alice[way]();
    }
    const report = await proxy.settled();
    for (const session of report.sessions) {
      assert.equal(session.end_reason, 'refused');
      assert.equal(session.wire.client.bytes_in, 0);
      assert.equal(session.server, null);
      assert.equal(session.time.active_us, 0, 'it was the turn of the client all the time');
    }
    assert.equal(upstream.connections, 0);
  });
});

describe('stop()', () => {
  test('ends sessions in every state, and its report balances', { timeout }, async () => {
    const upstream = await fakeServer();
    const proxy = await testProxy(upstream.address);
    const silent = await proxy.connect();
    const partial = await proxy.connect();
    partial.send(client.startup().subarray(0, 6));
    const idle = await openPair(proxy, upstream);
    const busy = await openPair(proxy, upstream);
    busy.client.send(query);
    await busy.server.receive(query.length);
    const stalled = await openPair(proxy, upstream);
    stalled.client.pause();
    const pouring = pour(stalled.server, 24 * MB, 47);
    await untilStill(() => stalled.server.sentBytes);
    const halfClosed = await openPair(proxy, upstream);
    halfClosed.client.end();
    await halfClosed.server.receiveAll();
    const refused = await proxy.connect();
    refused.send(client.gssencRequest(), Buffer.from('x'));
    await refused.receiveAll();
    const starting = await proxy.connect();
    starting.send(client.startup());
    await upstream.accept();

    assert.equal(proxy.proxy.openSessions, 8);
    const report = proxy.proxy.stop();
    assert.equal(report.sessions.length, 8);
    for (const session of report.sessions) {
      assertBalanced(session);
      assert.ok(session.ended_at !== null);
      assert.equal(session.end_reason, 'shutdown');
    }
    assert.equal(proxy.proxy.openSessions, 0);
    assert.equal(proxy.proxy.stop(), report);
    const ends = [silent, partial, idle.client, idle.server, busy.client, busy.server, starting];
    await until(() => ends.every((peer) => peer.ended || peer.closed), 'all ends');
    stalled.client.resume();
    await pouring;
    await until(() => stalled.client.closed || stalled.client.ended, 'the stalled end');
    await assert.rejects(connectTo(proxy.address), { code: 'ECONNREFUSED' });
  });

  for (const tls of [false, true]) {
    test(
      `says so to clients${tls ? ' that speak TLS' : ''}, and that is on the books`,
      { timeout },
      async () => {
        const upstream = await fakeServer();
        const proxy = await testProxy(upstream.address, tls ? { clientTls: CLIENT_TLS } : {});
        const open = (): Promise<Pair> => openTlsPair(proxy, upstream, { client: tls, server: false });
        const idle = await open();
        const busy = await open();
        busy.client.send(query);
        await busy.server.receive(query.length);
        busy.server.send(server.rowDescription());
        await busy.client.receive(server.rowDescription().length);
        const report = proxy.proxy.stop();
        for (const { client: alice } of [idle, busy]) {
          const error = onlyError(await alice.receiveAll());
          assert.deepEqual([error['S'], error['C']], ['FATAL', '57P01']);
        }
        for (const session of report.sessions) {
          assertBalanced(session);
          assert.equal(session.end_reason, 'shutdown');
          assert.ok(session.wire.client.own_out >= 50, String(session.wire.client.own_out));
        }
        leave(idle);
        leave(busy);
      },
    );
  }

  test('is silent in the middle of a message, and where nobody reads', { timeout }, async () => {
    const { proxy, client: alice, server: bob } = await openSession();
    const row = server.dataRow('1');
    bob.send(row.subarray(0, -1));
    await alice.receive(row.length - 1);
    proxy.proxy.stop();
    assert.equal((await alice.receiveAll()).length, 0);
    const unread = await openSession({ accounting: 'off' });
    unread.proxy.proxy.stop();
    assert.equal((await unread.client.receiveAll()).length, 0);
  });
});
