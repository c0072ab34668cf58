// The bytes of TLS, counted by the proxy and on the wire, on no leg, one leg and both, whatever the end is like.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { LegRecord } from '../../src/report/model.ts';
import { LEGS } from '../support/legs.ts';
import { client, server } from '../support/messages.ts';
import { fakeServer } from '../support/peers.ts';
import { assertBalanced, onlySession, type Pair, statementOf, testProxy } from '../support/proxies.ts';
import { pour } from '../support/stream.ts';
import { CLIENT_TLS, openTlsPair, UPSTREAM_TLS, type Wiretap, wiretap } from '../support/tls_peers.ts';
import { until, untilStill } from '../support/until.ts';

const timeout = 30_000;
const MB = 1024 * 1024;

function named(legs: (typeof LEGS)[number]): string {
  if (legs.client) return legs.server ? 'both legs' : 'the client leg';
  return legs.server ? 'the server leg' : 'neither leg';
}

async function open(legs: (typeof LEGS)[number]) {
  const upstream = await fakeServer();
  const onServerLeg = await wiretap(upstream.address);
  const proxy = await testProxy(onServerLeg.address, {
    clientTls: legs.client ? CLIENT_TLS : null,
    upstreamTls: legs.server ? UPSTREAM_TLS : null,
  });
  const onClientLeg = await wiretap(proxy.address);
  const ends: Pair = await openTlsPair(proxy, upstream, legs, onClientLeg.address);
  return { proxy, upstream, ...ends, onClientLeg, onServerLeg };
}

/** What was counted on the wire. */
function assertWire(leg: LegRecord, tap: Wiretap, side: 'client' | 'server'): void {
  const [into, outOf] = side === 'client' ? [tap.forth, tap.back] : [tap.back, tap.forth];
  assert.equal(leg.bytes_in, into.bytes, `${side}: bytes in`);
  assert.equal(leg.bytes_out, outOf.bytes, `${side}: bytes out`);
}

describe('TLS', () => {
  for (const legs of LEGS) {
    test(`on ${named(legs)}: the books are those of the wire, to the last byte`, { timeout }, async () => {
      const { proxy, onClientLeg, onServerLeg, ...ends } = await open(legs);
      ends.client.send(client.query('start replication'));
      await ends.server.receive(client.query('start replication').length);
      ends.server.send(server.copyBoth());
      await ends.client.receive(server.copyBoth().length);
      const received = { R: ends.server.digest(), S: ends.client.digest() };
      const [R, S] = await Promise.all([
        pour(ends.client, 23 * MB, 5).finally(() => ends.client.end()),
        pour(ends.server, 29 * MB, 7).finally(() => ends.server.end()),
      ]);
      const session = onlySession(await proxy.settled());
      // What the proxy has closed is still on the wire; close_notify is part of it.
      await until(() => ends.client.closed && ends.server.closed, 'the ends');
      assert.equal(received.R.digest('hex'), R.sha1);
      assert.equal(received.S.digest('hex'), S.sha1);
      assert.deepEqual(session.undelivered, { R: 0, S: 0 });
      assertWire(session.wire.client, onClientLeg, 'client');
      assertWire(session.wire.server, onServerLeg, 'server');
      assert.equal(session.wire.client.tls === null, !legs.client);
      assert.equal(session.wire.server.tls === null, !legs.server);
      for (const leg of [session.wire.client, session.wire.server]) {
        if (leg.tls === null) continue;
        // At least 22 bytes for each record of at most 16 KiB.
        assert.ok(leg.tls.overhead_in >= (22 * leg.bytes_in) / (16_384 + 22), JSON.stringify(leg));
        assert.ok(leg.tls.overhead_out >= (22 * leg.bytes_out) / (16_384 + 22), JSON.stringify(leg));
      }
    });

    for (const breaker of ['client', 'server'] as const) {
      test(
        `on ${named(legs)}: the books balance when the ${breaker} resets in full flow`,
        { timeout },
        async () => {
          const { proxy, ...ends } = await open(legs);
          ends.client.send(client.query('start replication'));
          await ends.server.receive(client.query('start replication').length);
          ends.server.send(server.copyBoth());
          await ends.client.receive(server.copyBoth().length);
          ends.client.digest();
          ends.server.digest();
          // Neither reads: both directions are full when the end comes.
          ends.client.pause();
          ends.server.pause();
          const pouring = [pour(ends.client, 60 * MB, 11), pour(ends.server, 60 * MB, 13)];
          await untilStill(() => ends.client.sentBytes + ends.server.sentBytes);
          const [halfway] = proxy.proxy.report().sessions;
          assertBalanced(halfway!);
          ends[breaker].socket.destroy();
          // A client may read what there is, however the server ended.
          if (breaker === 'server') ends.client.resume();
          await until(() => proxy.proxy.openSessions === 0, 'the end of the session');
          ends.client.destroy();
          ends.server.destroy();
          await Promise.all(pouring);
          const session = onlySession(await proxy.settled());
          assert.equal(session.end_reason, 'aborted');
          assert.ok(session.undelivered[breaker === 'client' ? 'S' : 'R'] > 0);
          for (const { tls } of [session.wire.client, session.wire.server]) {
            if (tls !== null) assert.ok(tls.overhead_in >= 0 && tls.overhead_out >= 0, JSON.stringify(tls));
          }
        },
      );
    }
  }

  for (const slow of ['client', 'server'] as const) {
    test(
      `on both legs: the time in which the ${slow} does not read is its stall, and no other is`,
      { timeout },
      async () => {
        const sender = slow === 'client' ? 'server' : 'client';
        const { proxy, ...ends } = await open({ client: true, server: true });
        const opening = slow === 'client' ? server.copyOut() : server.copyIn();
        ends.client.send(client.query('copy'));
        await ends.server.receive(client.query('copy').length);
        ends.server.send(opening);
        await ends.client.receive(opening.length);
        ends[slow].digest();
        ends[slow].pause();
        const pouring = pour(ends[sender], 48 * MB, 3);
        await untilStill(() => ends[sender].sentBytes);
        const stalledAt = performance.now();
        await untilStill(() => ends[sender].sentBytes, 40);
        const stalledMs = performance.now() - stalledAt;
        assert.ok(ends[sender].sentBytes < 40 * MB, 'back-pressure reaches the sender');
        const name = `${slow}_stall_us` as const;
        const other = `${sender}_stall_us` as const;
        const halfway = proxy.proxy.report().sessions[0]!;
        assert.ok(halfway.time[name] >= stalledMs * 1000, `${halfway.time[name]} µs of ${stalledMs} ms`);
        assertBalanced(halfway);
        ends[slow].resume();
        await pouring;
        ends.client.end();
        ends.server.end();
        const session = onlySession(await proxy.settled());
        assert.ok(statementOf(session).time[name] >= stalledMs * 1000);
        assert.ok(session.time[other] < 100_000, `${other} ${session.time[other]}`);
      },
    );
  }

  test('of small messages one after the other is no stall', { timeout }, async () => {
    const { proxy, ...ends } = await open({ client: true, server: true });
    const query = client.query('select 1');
    const answer = Buffer.concat([server.complete('SELECT 1'), server.ready()]);
    for (let turn = 0; turn < 997; turn += 1) {
      ends.client.send(query);
      await ends.server.receive(query.length);
      ends.server.send(answer);
      await ends.client.receive(answer.length);
    }
    ends.client.end();
    ends.server.end();
    const session = onlySession(await proxy.settled());
    assert.equal(session.statement_count, 997);
    const stalled = session.statements.filter(
      ({ time }) => time.client_stall_us > 0 || time.server_stall_us > 0,
    );
    assert.deepEqual(stalled, []);
    // The first write behind a handshake may have to wait for the end of it (Node 26).
    assert.ok(session.wire.client.deferred + session.wire.server.deferred <= 2);
  });
});
