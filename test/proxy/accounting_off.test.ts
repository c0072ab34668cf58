import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import pg from 'pg';
import { client, server } from '../support/messages.ts';
import { openPassthrough } from '../support/tls_peers.ts';
import { onlySession, openSession, testProxy } from '../support/proxies.ts';
import { CountingClient } from '../support/counting_client.ts';
import { connectTo, fakeServer } from '../support/peers.ts';
import { proxyBefore } from '../support/running_proxy.ts';
import { embeddedServer } from '../support/servers.ts';
import { until } from '../support/until.ts';

const timeout = 30_000;
const OFF = { accounting: 'off' } as const;
const postgres = await embeddedServer();

describe('with accounting off', () => {
  it('a real session works, and all its bytes are opaque and balance', { timeout }, async () => {
    const running = await proxyBefore(postgres, OFF);
    const { host, port } = running;
    const session = new pg.Client({ host, port, user: 'postgres', database: 'postgres' });
    await session.connect();
    const { rows } = await session.query("select length(repeat('x', 1000000)) as n where $1", [true]);
    assert.deepEqual(rows, [{ n: 1_000_000 }]);
    await assert.rejects(session.query('select 1/0'), /division by zero/);
    await session.end();
    const found = onlySession(await running.settled());
    assert.equal(found.accounting, 'off');
    assert.equal(found.user, 'postgres', 'the StartupMessage is read, to tell it from a cancel request');
    assert.deepEqual(found.statements, []);
    assert.deepEqual(
      [found.accounts.opaque.R, found.accounts.opaque.S],
      [found.wire.client.bytes_in, found.wire.server.bytes_in],
    );
  });

  it('a cancel request still reaches the server, but not who it is for', { timeout }, async () => {
    const running = await proxyBefore(postgres, OFF);
    const sleeper = await CountingClient.open(running);
    sleeper.send('startup', client.startup({ user: 'postgres', database: 'postgres' }));
    const key = (await sleeper.receive('startup', 'Z')).find(({ type }) => type === 'K')!.body;
    const pid = key.readInt32BE(0);
    sleeper.send(1, client.query('select pg_sleep(60)'));
    const observer = new pg.Client({ ...postgres });
    await observer.connect();
    await until(async () => {
      const sleeping = "select from pg_stat_activity where pid = $1 and wait_event = 'PgSleep'";
      return (await observer.query(sleeping, [pid])).rowCount === 1;
    }, 'the statement to sleep');
    await observer.end();
    const canceller = await connectTo(running);
    canceller.send(client.cancel(pid, key.subarray(4)));
    await canceller.receiveAll();
    canceller.end();
    const answer = (await sleeper.receive(1, 'Z')).find(({ type }) => type === 'E');
    assert.match(answer!.body.toString('latin1'), /C57014\0/);
    await sleeper.end();
    const { cancels } = await running.settled();
    assert.deepEqual(
      cancels.map(({ session: of, outcome, error }) => ({ of, outcome, error })),
      [{ of: null, outcome: 'unknown_key', error: null }],
    );
  });

  it('what is no message of the protocol passes as well', { timeout }, async () => {
    const { proxy, client: alice, server: bob } = await openSession(OFF);
    // Until it started.
    const idleUs = onlySession(proxy.proxy.report()).time.idle_us;
    const noise = Buffer.alloc(300_007, 0xff);
    alice.send(noise);
    assert.deepEqual(await bob.receive(noise.length), noise);
    bob.send(noise, server.ready());
    await alice.receive(noise.length + server.ready().length);
    alice.end();
    bob.end();
    const session = onlySession(await proxy.settled());
    assert.equal(session.end_reason, 'client_closed');
    assert.equal(session.time.idle_us, idleUs, 'nobody knows whose turn it was');
    assert.deepEqual(
      [session.R.reads, session.R.writes, session.S.reads, session.S.writes],
      [
        session.wire.client.reads,
        session.wire.server.writes,
        session.wire.server.reads,
        session.wire.client.writes,
      ],
    );
  });

  it('TLS that passes through is booked the same', { timeout }, async () => {
    const upstream = await fakeServer();
    const proxy = await testProxy(upstream.address, { ...OFF, clientTls: 'passthrough' });
    const { client: alice, server: bob } = await openPassthrough(proxy, upstream);
    alice.end();
    bob.end();
    const session = onlySession(await proxy.settled());
    assert.equal(session.accounts.opaque.S, session.wire.server.bytes_in);
  });
});
