// The records of TLS as the report tells them, and as they were on the wire: with scripted ends that put each statement
// into records of their own, in each version and suite.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createSecureContext } from 'node:tls';
import { client, server } from '../support/messages.ts';
import { fakeServer, type Peer } from '../support/peers.ts';
import { type Program, start } from '../support/programs.ts';
import { greeting, onlySession, statementOf, testProxy } from '../support/proxies.ts';
import { assertRecords, recordedProxy, type RecordedSession } from '../support/recorded_proxy.ts';
import { pour, randomOf } from '../support/stream.ts';
import {
  acceptTls,
  authority,
  certificate,
  CLIENT_TLS,
  connectTls,
  openTlsPair,
  UPSTREAM_TLS,
} from '../support/tls_peers.ts';
import { countOf } from '../support/tls_wire.ts';
import { until, untilStill } from '../support/until.ts';

const timeout = 60_000;
const MB = 1024 * 1024;
const SMALL = 61;

const SUITES = [
  ['TLSv1.3', 'TLS_AES_256_GCM_SHA384'],
  ['TLSv1.3', 'TLS_AES_128_GCM_SHA256'],
  ['TLSv1.3', 'TLS_CHACHA20_POLY1305_SHA256'],
  ['TLSv1.2', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
  ['TLSv1.2', 'ECDHE-ECDSA-AES256-GCM-SHA384'],
  ['TLSv1.2', 'ECDHE-ECDSA-CHACHA20-POLY1305'],
] as const;
/** Lengths around that of a full record, and of a chunk. */
const AROUND_FULL = [16_000, 16_384, 20_000, 65_536, 70_001];

/** A request that is answered, of so many bytes of text each. */
async function exchange(
  ends: { client: Peer; server: Peer },
  asked: number,
  answered: number,
): Promise<void> {
  const query = client.query('q'.repeat(asked));
  const answer = Buffer.concat([
    server.rowDescription(),
    server.dataRow('v'.repeat(answered)),
    server.complete('SELECT 1'),
    server.ready(),
  ]);
  ends.client.send(query);
  await ends.server.receive(query.length);
  ends.server.send(answer);
  await ends.client.receive(answer.length);
}

/** A COPY to or from the client, of so many bytes. */
async function copy(
  ends: { client: Peer; server: Peer },
  from: 'client' | 'server',
  bytes: number,
): Promise<void> {
  const to = from === 'client' ? 'server' : 'client';
  const opening = from === 'client' ? server.copyIn() : server.copyOut();
  const query = client.query('copy');
  const end = Buffer.concat([server.complete('COPY 1'), server.ready()]);
  ends.client.send(query);
  await ends.server.receive(query.length);
  ends.server.send(opening);
  await ends.client.receive(opening.length);
  const sent = await pour(ends[from], bytes, 5);
  ends[from].send(client.copyDone());
  await ends[to].receive(sent.sent + client.copyDone().length);
  ends.server.send(end);
  await ends.client.receive(end.length);
}

/** Opens a session through the wires, to the first ReadyForQuery. */
async function open(version: 'TLSv1.2' | 'TLSv1.3', ciphers: string) {
  const upstream = await fakeServer();
  const proxy = await recordedProxy(upstream.address, authority, certificate);
  const choice = { minVersion: version, maxVersion: version, ciphers };
  const near = await connectTls(proxy.address, choice);
  near.send(client.startup());
  const secureContext = createSecureContext({ cert: certificate.cert, key: certificate.key, ...choice });
  const far = await acceptTls(upstream, { secureContext });
  await far.receive(client.startup().length);
  far.send(greeting);
  await near.receive(greeting.length);
  return { proxy, client: near, server: far };
}

async function leave({ proxy, ...ends }: Awaited<ReturnType<typeof open>>): Promise<RecordedSession> {
  ends.client.send(client.terminate());
  await ends.server.receive(client.terminate().length);
  ends.client.end();
  ends.server.end();
  await until(() => ends.client.closed && ends.server.closed, 'the ends');
  return proxy.finished();
}

describe('the report', () => {
  for (const [version, cipher] of SUITES) {
    it(`tells the records of ${version} with ${cipher} as they were on the wire`, { timeout }, async () => {
      const ends = await open(version, cipher);
      const random = randomOf(7);
      for (let turn = 0; turn < SMALL; turn += 1) await exchange(ends, random(300), random(3000));
      for (const bytes of AROUND_FULL) await exchange(ends, bytes, bytes);
      await copy(ends, 'server', 5 * MB);
      await copy(ends, 'client', 5 * MB);
      const recorded = await leave(ends);
      const { wire, statements } = recorded.session;
      assert.deepEqual([wire.client.tls?.cipher, wire.server.tls?.cipher], [cipher, cipher]);
      assert.equal(statements.length, SMALL + AROUND_FULL.length + 2);
      assertRecords(recorded);
    });
  }

  it('does not tell the records of a suite that pads to whole blocks', { timeout }, async () => {
    const ends = await open('TLSv1.2', 'ECDHE-ECDSA-AES256-SHA');
    await exchange(ends, 23, 997);
    const { session } = await leave(ends);
    for (const { tls } of [session.wire.client, session.wire.server]) {
      assert.equal(tls?.cipher, 'ECDHE-ECDSA-AES256-SHA');
      assert.deepEqual([tls.records_in, tls.records_out], [null, null]);
    }
    const unknown = { client: null, server: null };
    assert.deepEqual(statementOf(session).tls_records, { R: unknown, S: unknown });
  });

  it('does not tell which records of a pipeline are whose', { timeout }, async () => {
    const ends = await open('TLSv1.3', 'TLS_AES_256_GCM_SHA384');
    const [query, answer] = [
      client.query('select 1'),
      Buffer.concat([server.complete('SELECT 1'), server.ready()]),
    ];
    ends.client.send(Buffer.concat([query, query]));
    await ends.server.receive(2 * query.length);
    ends.server.send(answer);
    await ends.client.receive(answer.length);
    ends.server.send(answer);
    await ends.client.receive(answer.length);
    await exchange(ends, 5, 7);
    const { session, records } = await leave(ends);
    assert.deepEqual(
      session.statements.map(({ tls_records }) => tls_records),
      [null, null, { R: { client: 1, server: 1 }, S: { client: 1, server: 1 } }],
    );
    // Those of the legs are certain all the same.
    const { tls } = session.wire.client;
    assert.equal(tls?.records_in, countOf(records('client').in, 'application_data'));
    assert.equal(tls.records_in, 4);
  });

  it('tells those of a log-in that the server refuses, one each way', { timeout }, async () => {
    const upstream = await fakeServer();
    const proxy = await recordedProxy(upstream.address, authority, certificate);
    const near = await connectTls(proxy.address);
    near.send(client.startup());
    const far = await acceptTls(upstream);
    await far.receive(client.startup().length);
    const refusal = server.error('28000', 'FATAL');
    far.send(refusal);
    await near.receive(refusal.length);
    far.end();
    near.end();
    await until(() => near.closed && far.closed, 'the ends');
    const recorded = await proxy.finished();
    assertRecords(recorded);
    for (const { tls } of Object.values(recorded.session.wire))
      assert.deepEqual([tls?.records_in, tls?.records_out], [1, 1]);
  });

  it(
    'tells those of an open session that rests, and of one whose client does not read',
    { timeout },
    async () => {
      const { proxy, ...ends } = await openSecure();
      for (let turn = 0; turn < 5; turn += 1) await exchange(ends, 100, 100);
      // The answer is booked when the kernel has taken it: behind the client, which has it.
      await until(() => proxy.proxy.report().sessions[0]!.statements[4]?.outcome === 'ok', 'the last answer');
      const resting = proxy.proxy.report().sessions[0]!;
      const counts = ({ wire }: typeof resting): unknown =>
        [wire.client.tls, wire.server.tls].map((tls) => [tls?.records_in, tls?.records_out]);
      assert.deepEqual(counts(resting), [
        [6, 6],
        [6, 6],
      ]);
      ends.client.pause();
      const pouring = pour(ends.server, 48 * MB, 3);
      await untilStill(() => ends.server.sentBytes);
      const stalled = proxy.proxy.report().sessions[0]!;
      const { tls, bytes_out } = stalled.wire.client;
      // Those that the kernel has taken, all of which hold no more than is in a full one.
      assert.ok(tls !== null && tls.records_out !== null);
      assert.ok(tls.records_out >= bytes_out / (16_384 + 22) && stalled.undelivered.S > 0);
      ends.client.digest();
      ends.client.resume();
      await pouring;
      ends.client.end();
      ends.server.end();
      const ended = onlySession(await proxy.settled());
      for (const leg of [ended.wire.client, ended.wire.server])
        assert.ok(leg.tls?.records_in !== null && leg.tls?.records_out !== null, JSON.stringify(leg));
    },
  );

  it('does not tell those that a client has padded', { timeout }, async () => {
    const { session, log } = await withOpenssl(['-record_padding', '512'], async () => undefined);
    const { tls } = session.wire.client;
    assert.deepEqual([tls?.records_in, tls?.records_out], [null, 2], log());
    assert.deepEqual(statementOf(session).tls_records, {
      R: { client: null, server: 1 },
      S: { client: 1, server: 1 },
    });
  });

  it(
    'does not tell those of a first write that a client may have wanted in several',
    { timeout },
    async () => {
      const flags = ['-tls1_3', '-maxfraglen', '512'];
      for (const [bytes, records] of [
        [10, 2],
        [3000, null],
      ] as const) {
        const opening = Buffer.concat([server.parameterStatus('padding', 'x'.repeat(bytes)), greeting]);
        const { session, log } = await withOpenssl(flags, async () => undefined, opening);
        const { tls } = session.wire.client;
        assert.deepEqual([tls?.records_in, tls?.records_out], [3, records], log());
      }
    },
  );

  it('does not tell those among which keys were changed', { timeout }, async () => {
    const { session, log } = await withOpenssl([], async ({ child }, said) => {
      child.stdin!.write('K\n');
      await until(() => said().includes('KEYUPDATE'), 'a KeyUpdate');
    });
    const { tls } = session.wire.client;
    // The client has asked for the other direction's, too.
    assert.deepEqual([tls?.records_in, tls?.records_out], [null, null], log());
    const { tls: toServer } = session.wire.server;
    assert.deepEqual([toServer?.records_in, toServer?.records_out], [2, 3]);
  });
});

/** A session with TLS on both legs, whose proxy is in this process. */
async function openSecure() {
  const upstream = await fakeServer();
  const proxy = await testProxy(upstream.address, { clientTls: CLIENT_TLS, upstreamTls: UPSTREAM_TLS });
  return { proxy, ...(await openTlsPair(proxy, upstream, { client: true, server: true })) };
}

/** A session with one statement whose client is `openssl s_client`. */
async function withOpenssl(
  flags: readonly string[],
  before: (program: Program, said: () => string) => Promise<void>,
  opening = greeting,
) {
  const upstream = await fakeServer();
  const proxy = await testProxy(upstream.address, { clientTls: CLIENT_TLS, upstreamTls: UPSTREAM_TLS });
  assert.ok('port' in proxy.address);
  const to = ['-starttls', 'postgres', '-connect', `127.0.0.1:${proxy.address.port}`];
  const program = start('openssl', ['s_client', ...to, ...flags], { env: { PATH: process.env['PATH'] } });
  let stderr = '';
  program.child.stderr!.on('data', (text: string) => (stderr += text));
  const said = (): string => `${program.output()}${stderr}`;
  await until(() => said().includes('Verify return code'), 'the handshake');
  program.child.stdin!.write(client.startup());
  const far = await acceptTls(upstream);
  await far.receive(client.startup().length);
  far.send(opening);
  await until(() => said().includes('server_version'), 'the greeting');
  await before(program, said);
  // Not a Query, whose first letter is a command of the program.
  const messages = [client.parse('', 'select 1'), client.bind('', ''), client.execute(), client.sync()];
  const request = Buffer.concat(messages);
  program.child.stdin!.write(request);
  await far.receive(request.length);
  const answer = [server.parseComplete(), server.bindComplete(), server.complete('SELECT 1'), server.ready()];
  far.send(Buffer.concat(answer));
  await until(() => said().includes('SELECT 1'), 'the answer');
  program.child.stdin!.end(client.terminate());
  await far.receive(client.terminate().length);
  far.end();
  await program.finished;
  return { session: onlySession(await proxy.settled()), log: said };
}
