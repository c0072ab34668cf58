// Cancel requests on raw sockets, against a real server: whom they hit, and whom they do not.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import pg from 'pg';
import { client, message } from '../support/messages.ts';
import { connectTo, type Peer } from '../support/peers.ts';
import { proxyBefore, type RunningProxy } from '../support/running_proxy.ts';
import { embeddedServer, olderThan } from '../support/servers.ts';
import { until } from '../support/until.ts';

const server = await embeddedServer({ settings: { max_connections: '220' } });

async function connect(proxy: RunningProxy): Promise<pg.Client> {
  const { host, port } = proxy;
  const one = new pg.Client({ host, port, user: 'postgres', database: 'postgres' });
  await one.connect();
  return one;
}

/** The number that the server gave the session's backend, and the key as it stands in a CancelRequest. */
function keyOf(one: pg.Client): { processId: number; key: Buffer } {
  const key = Buffer.alloc(4);
  key.writeInt32BE(Number(Reflect.get(one, 'secretKey')));
  return { processId: Number(Reflect.get(one, 'processID')), key };
}

/** Sends a CancelRequest as libpq does, and waits for the close. */
async function cancel(
  proxy: RunningProxy,
  { processId, key }: { processId: number; key: Buffer },
): Promise<void> {
  const carrier = await connectTo(proxy);
  carrier.send(client.cancel(processId, key));
  assert.deepEqual(await carrier.receiveAll(), Buffer.alloc(0));
  carrier.end();
}

/** How many backends run a statement with this text. */
async function running(observer: pg.Client, text: string): Promise<number> {
  const { rows } = await observer.query<{ n: number }>(
    "select count(*)::int as n from pg_stat_activity where state = 'active' and query like $1",
    [`${text}%`],
  );
  return rows[0]!.n;
}

async function directly(): Promise<pg.Client> {
  const observer = new pg.Client({
    host: server.host,
    port: server.port,
    user: 'postgres',
    database: 'postgres',
  });
  await observer.connect();
  return observer;
}

describe('cancel requests', () => {
  it('a hundred at once hit their own statements, and nothing else', async () => {
    const proxy = await proxyBefore(server);
    const observer = await directly();
    const clients = await Promise.all(Array.from({ length: 101 }, () => connect(proxy)));
    const sleeps = clients.map((one, at) => one.query(`select pg_sleep(61), ${at}`).catch(sqlstate));
    await until(async () => (await running(observer, 'select pg_sleep(61)')) === 101, 'all to run');
    // One that nobody cancels.
    const [spared, ...others] = clients;
    await Promise.all(others.map((one) => cancel(proxy, keyOf(one))));
    assert.deepEqual([...new Set(await Promise.all(sleeps.slice(1)))], ['57014']);
    assert.equal(await running(observer, 'select pg_sleep(61), 0'), 1);
    await cancel(proxy, keyOf(spared!));
    assert.equal(await sleeps[0], '57014');
    for (const [at, one] of clients.entries()) {
      const { rows } = await one.query<{ n: number }>(`select ${at} as n`);
      assert.equal(rows[0]!.n, at);
    }
    await Promise.all(clients.map((one) => one.end()));
    await observer.end();
    const { cancels, sessions } = await proxy.settled();
    assert.equal(cancels.length, 101);
    assert.equal(new Set(cancels.map(({ session }) => session)).size, 101);
    for (const one of cancels) {
      assert.deepEqual([one.statement, one.outcome, one.error], [1, 'cancelled', null]);
      assert.ok(one.effect_us! > 0 && one.delivered_at !== null);
      const session = sessions.find(({ id }) => id === one.session)!;
      assert.deepEqual(
        session.statements.map(({ outcome }) => outcome),
        ['cancelled', 'ok'],
      );
      // All that pg_sleep() sent came after the request.
      assert.equal(one.bytes_after, session.statements[0]!.S.bytes);
    }
  });

  it('a thousand with wrong keys do nothing to anyone, and are told nothing', async () => {
    const proxy = await proxyBefore(server);
    const clients = await Promise.all(Array.from({ length: 7 }, () => connect(proxy)));
    const sleeps = clients.map((one) => one.query('select pg_sleep(3) is null as n'));
    const wrong = Array.from({ length: 1009 }, (_, at) => {
      const { processId, key } = keyOf(clients[at % clients.length]!);
      key[at % 4]! ^= 1 << (at % 8);
      return at % 11 === 0 ? { processId: processId + 100_003, key } : { processId, key };
    });
    for (let at = 0; at < wrong.length; at += 50) {
      await Promise.all(wrong.slice(at, at + 50).map((one) => cancel(proxy, one)));
    }
    await Promise.all(sleeps);
    await Promise.all(clients.map((one) => one.end()));
    const { cancels, dropped, sessions } = await proxy.settled();
    assert.equal(cancels.length + dropped.cancels, 1009);
    for (const one of cancels) assert.deepEqual([one.session, one.outcome], [null, 'unknown_key']);
    for (const { statements } of sessions) assert.equal(statements[0]?.outcome, 'ok');
  });

  it('a late one never hits the next statement of a client that waits for the close', async () => {
    const proxy = await proxyBefore(server);
    const alice = await connect(proxy);
    const rounds = 211;
    let cancelled = 0;
    for (let round = 0; round < rounds; round += 1) {
      // Sometimes before its end, sometimes behind it.
      const first = alice.query('select count(*) from generate_series(1, 1000)').catch(sqlstate);
      if (round % 2 === 0) await first;
      await cancel(proxy, keyOf(alice));
      if ((await first) === '57014') cancelled += 1;
      const { rows } = await alice.query<{ n: number }>(`select ${round} as n`);
      assert.equal(rows[0]!.n, round);
    }
    await alice.end();
    const { cancels } = await proxy.settled();
    assert.equal(cancels.length, rounds);
    assert.equal(cancels.filter(({ outcome }) => outcome === 'cancelled').length, cancelled);
    for (const { outcome } of cancels) assert.match(outcome, /^(cancelled|finished_first)$/);
  });

  it('in a pipeline name the statement that is cancelled', async () => {
    const proxy = await proxyBefore(server);
    const observer = await directly();
    const { alice, processId, key } = await logIn(proxy, 3, 0);
    const execution = (sql: string): Buffer[] => [
      client.parse('', sql),
      client.bind('', ''),
      client.execute(),
      client.sync(),
    ];
    alice.send(...execution('select 1'), ...execution('select pg_sleep(61) as second'));
    alice.send(...execution('select 3'), client.terminate());
    await until(async () => (await running(observer, 'select pg_sleep(61) as second')) === 1, 'the second');
    await cancel(proxy, { processId, key });
    await alice.receiveAll();
    alice.end();
    await observer.end();
    const { cancels, sessions } = await proxy.settled();
    assert.deepEqual(
      sessions[0]!.statements.map(({ outcome }) => outcome),
      ['ok', 'cancelled', 'ok'],
    );
    assert.deepEqual([cancels[0]!.statement, cancels[0]!.outcome], [2, 'cancelled']);
  });

  for (const [minor, bytes] of [
    [0, 4],
    [2, 32],
  ] as const) {
    const skip = minor === 2 && olderThan(18, server, 'protocol 3.2');
    it(`of protocol 3.${minor} carry ${bytes} bytes of key`, { skip }, async () => {
      const proxy = await proxyBefore(server);
      const observer = await directly();
      const { alice, processId, key } = await logIn(proxy, 3, minor);
      assert.equal(key.length, bytes);
      const sleep = `select pg_sleep(61) as v${minor}`;
      alice.send(client.query(sleep));
      await until(async () => (await running(observer, sleep)) === 1, 'the statement');
      // A key that goes on is another one.
      await cancel(proxy, { processId, key: Buffer.concat([key, key]) });
      await cancel(proxy, { processId, key });
      const outcome = (): string | undefined => proxy.proxy.report().cancels[1]?.outcome;
      await until(() => outcome() === 'cancelled', 'the effect');
      alice.send(client.terminate());
      await alice.receiveAll();
      alice.end();
      await observer.end();
      const { cancels, sessions } = await proxy.settled();
      assert.equal(sessions[0]!.protocol, `3.${minor}`);
      assert.deepEqual(
        cancels.map((one) => one.outcome),
        ['unknown_key', 'cancelled'],
      );
    });
  }

  it('of a session that has gone are told apart from those with a wrong key', async () => {
    const proxy = await proxyBefore(server);
    const alice = await connect(proxy);
    const key = keyOf(alice);
    await alice.end();
    await proxy.settled();
    await cancel(proxy, key);
    const [gone] = (await proxy.settled()).cancels;
    assert.deepEqual([gone?.session, gone?.statement, gone?.outcome], [1, null, 'session_gone']);
  });
});

function sqlstate(error: unknown): unknown {
  return error instanceof pg.DatabaseError ? error.code : error;
}

/** Logs in on a raw socket, in a version of the protocol that the drivers do not speak yet. */
async function logIn(
  proxy: RunningProxy,
  major: number,
  minor: number,
): Promise<{ alice: Peer; processId: number; key: Buffer }> {
  const startup = client.startup({ user: 'postgres', database: 'postgres' });
  startup.writeUInt16BE(major, 4);
  startup.writeUInt16BE(minor, 6);
  const alice = await connectTo(proxy);
  alice.send(startup);
  let found: { processId: number; key: Buffer } | null = null;
  for (;;) {
    const header = await alice.receive(5);
    const type = String.fromCharCode(header[0]!);
    const body = await alice.receive(header.readInt32BE(1) - 4);
    if (type === 'E') assert.fail(message(type, body).toString());
    if (type === 'K') found = { processId: body.readInt32BE(0), key: Buffer.from(body.subarray(4)) };
    if (type === 'Z') break;
  }
  assert.ok(found !== null);
  return { alice, ...found };
}
