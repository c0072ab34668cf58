import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CountingClient, typesOf } from '../support/counting_client.ts';
import { client as c, message, server as s } from '../support/messages.ts';
import { connectTo, fakeServer, type Peer } from '../support/peers.ts';
import { untilActive } from '../support/activity.ts';
import { onlyError, onlySession, type TestProxy, testProxy } from '../support/proxies.ts';
import { proxyBefore } from '../support/running_proxy.ts';
import { embeddedServer } from '../support/servers.ts';
import { until } from '../support/until.ts';
import { assertBooked, C, chunksOf, type Line, relay, S } from '../support/story.ts';

const server = await embeddedServer();

/** A StartupMessage of protocol 3 with that minor version. */
function startupOf(minor: number, parameters: Record<string, string> = {}): Buffer {
  const packet = c.startup({ user: 'postgres', database: 'postgres', ...parameters });
  packet.writeUInt16BE(minor, 6);
  return packet;
}

/** A client that has said who it is, and the server that was asked. */
async function asked(): Promise<{ readonly proxy: TestProxy; readonly alice: Peer; readonly bob: Peer }> {
  const upstream = await fakeServer();
  const proxy = await testProxy(upstream.address);
  const alice = await proxy.connect();
  alice.send(c.startup());
  const bob = await upstream.accept();
  await bob.receive(c.startup().length);
  return { proxy, alice, bob };
}

describe('a log-in', () => {
  it('with all its rounds of SCRAM is start-up', () => {
    const lines: Line[] = [
      C('startup', c.startup()),
      S('startup', message('R', [0, 0, 0, 10], 'SCRAM-SHA-256\0\0')),
      C('startup', message('p', 'SCRAM-SHA-256\0', [0, 0, 0, 3], 'n,,')),
      S('startup', message('R', [0, 0, 0, 11], 'r=nonce')),
      C('startup', message('p', 'c=biws')),
      S('startup', message('R', [0, 0, 0, 12], 'v=proof')),
      S('startup', s.authenticationOk()),
      S('startup', s.notice()),
      S('startup', s.ready()),
    ];
    assertBooked(relay(chunksOf(lines)), { name: 'SCRAM', lines, statements: [] }, lines);
  });

  it('that the server refuses before it asks who it is has one ErrorResponse: too many clients', async () => {
    const upstream = await fakeServer();
    const proxy = await testProxy(upstream.address);
    const alice = await proxy.connect();
    alice.send(c.startup());
    const bob = await upstream.accept();
    bob.send(s.error('53300', 'FATAL'));
    bob.end();
    assert.equal(onlyError(await alice.receiveAll())['C'], '53300');
    alice.end();
    const session = onlySession(await proxy.settled());
    assert.equal(session.end_reason, 'login_failed');
    assert.equal(session.end_detail, 'FATAL 53300: it failed');
  });

  for (const [first, severity, words] of [
    ['client', 'FATAL', []],
    ['client', 'ERROR', []],
    ['server', 'FATAL', []],
    ['client', 'FATAL', [c.terminate()]],
  ] as const) {
    const how = words.length > 0 ? 'takes leave and closes' : 'closes';
    it(`that fails with ${severity} is login_failed when the ${first} ${how} first`, async () => {
      const { alice, bob, proxy } = await asked();
      bob.send(s.error('28P01', severity, 'password authentication failed for user "alice"'));
      await until(() => alice.receivedBytes > bob.receivedBytes, 'the error');
      if (first === 'client') alice.send(...words);
      const [one, other] = first === 'client' ? [alice, bob] : [bob, alice];
      one.end();
      await until(() => other.ended, 'the end');
      other.end();
      const session = onlySession(await proxy.settled());
      assert.equal(session.end_reason, 'login_failed');
      assert.equal(session.end_detail, `${severity} 28P01: password authentication failed for user "alice"`);
    });
  }

  for (const [what, bytes, where] of [
    ['in the middle of a message', message('R', [0, 0, 0, 3]).subarray(0, 5), 'in the middle of a message, '],
    ['between two messages', message('R', [0, 0, 0, 3]), ''],
    [
      'for it is a web server',
      Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
      'in the middle of a message, ',
    ],
  ] as const) {
    it(`that the server breaks off ${what} says so`, async () => {
      const { alice, bob, proxy } = await asked();
      bob.send(bytes);
      bob.end();
      await alice.receiveAll();
      alice.end();
      const session = onlySession(await proxy.settled());
      assert.equal(session.end_reason, 'server_closed');
      assert.equal(
        session.end_detail,
        `the server closed the connection ${where}before the log-in was complete`,
      );
    });
  }

  it('that the client breaks off, to ask its user for the password, needs no words', async () => {
    const { alice, bob, proxy } = await asked();
    bob.send(message('R', [0, 0, 0, 3]));
    await alice.receive(9);
    alice.end();
    await bob.receiveAll();
    bob.end();
    const session = onlySession(await proxy.settled());
    assert.deepEqual([session.end_reason, session.end_detail], ['client_closed', null]);
  });
});

describe('NegotiateProtocolVersion', () => {
  it('reaches the client once, with the options that the server does not know', async () => {
    const running = await proxyBefore(server);
    const client = await CountingClient.open(running);
    client.send('startup', startupOf(9999, { '_pq_.unheard_of': '1' }));
    const replies = await client.receive('startup', 'Z');
    assert.equal(typesOf(replies).split('v').length, 2, typesOf(replies));
    const negotiation = replies.find(({ type }) => type === 'v')!.body;
    assert.ok(negotiation.includes('_pq_.unheard_of\0'));
    await client.query(1, 'select 1');
    await client.end();
    client.assertBooked(onlySession(await running.settled()));
  });
});

describe('BackendKeyData', () => {
  for (const bytes of [4, 32, 256]) {
    it(`with a key of ${bytes} bytes is remembered`, () => {
      const key = Buffer.alloc(bytes, 7);
      const lines = [C('startup', startupOf(2)), S('startup', s.authenticationOk())];
      lines.push(S('startup', s.backendKeyData(4711, key)), S('startup', s.ready()));
      const session = relay(chunksOf(lines));
      assert.deepEqual(session.facts.backendKey, { processId: 4711, key });
    });
  }

  it('may be missing', () => {
    const lines = [C('startup', c.startup()), S('startup', s.authenticationOk()), S('startup', s.ready())];
    const session = relay(chunksOf(lines));
    assert.equal(session.facts.backendKey, null);
    assertBooked(session, { name: 'no key', lines, statements: [] }, lines);
  });

  it('of protocol 3.2 cancels with all its 32 bytes', async () => {
    const running = await proxyBefore(server);
    const client = await CountingClient.open(running);
    client.send('startup', startupOf(2));
    const replies = await client.receive('startup', 'Z');
    const key = replies.find(({ type }) => type === 'K')!.body;
    assert.equal(key.length, 4 + 32);
    client.send(1, c.query('select pg_sleep(60)'));
    await untilActive(server, 'select pg_sleep(60)');
    const canceller = await connectTo(running);
    canceller.send(c.cancel(key.readInt32BE(0), key.subarray(4)));
    assert.deepEqual(await canceller.receiveAll(), Buffer.alloc(0));
    canceller.end();
    assert.match(typesOf(await client.receive(1, 'Z')), /EZ$/);
    await client.end();
    const session = onlySession(await running.settled());
    assert.equal(session.protocol, '3.2');
    assert.equal(session.statements[0]!.outcome, 'cancelled');
  });
});

describe('a cancel with a wrong key', () => {
  it('has no effect and tells nothing', async () => {
    const running = await proxyBefore(server);
    const client = await CountingClient.open(running);
    client.send('startup', startupOf(0));
    const key = (await client.receive('startup', 'Z')).find(({ type }) => type === 'K')!.body;
    client.send(1, c.query('select pg_sleep(0.2)'));
    const wrong = Buffer.from(key.subarray(4));
    wrong[0]! ^= 1;
    const canceller = await connectTo(running);
    canceller.send(c.cancel(key.readInt32BE(0), wrong));
    assert.deepEqual(await canceller.receiveAll(), Buffer.alloc(0));
    canceller.end();
    assert.equal(typesOf(await client.receive(1, 'Z')), 'TDCZ');
    await client.end();
    const report = await running.settled();
    assert.equal(onlySession(report).statements[0]!.outcome, 'ok');
    assert.equal(report.cancels[0]!.session, null);
  });
});

describe('a replication connection', () => {
  for (const replication of ['true', 'database']) {
    it(`with replication=${replication} is booked like any other`, async () => {
      const running = await proxyBefore(server);
      const client = await CountingClient.connect(running, { replication });
      assert.equal(typesOf(await client.query(1, 'IDENTIFY_SYSTEM')), 'TDCZ');
      await client.end();
      const session = onlySession(await running.settled());
      client.assertBooked(session);
      assert.equal(session.statements[0]!.tag, 'IDENTIFY_SYSTEM');
    });
  }
});

describe('payload that looks like messages', () => {
  it('is payload, in rows, copy data and parameters', async () => {
    const running = await proxyBefore(server);
    const client = await CountingClient.connect(running);
    const looks = 'Z\\000\\000\\000\\005IX\\000\\000\\000\\004';
    await client.query(1, `select '${looks}'::bytea, repeat(E'Z\\x01\\x01\\x01\\x05I', 997)`);
    const parameter = Buffer.from('Q\x01\x01\x01\x05').toString('latin1');
    client.send(2, c.parse('', 'select $1::text'), c.bind('', '', [parameter]), c.execute(), c.sync());
    await client.receive(2, 'Z');
    await client.query(3, 'create temp table t (a text)');
    client.send(4, c.query('copy t from stdin'), c.copyData('X\x01\x01\x01\x04S\n'), c.copyDone());
    assert.equal(typesOf(await client.receive(4, 'Z')), 'GCZ');
    await client.end();
    client.assertBooked(onlySession(await running.settled()));
  });
});
