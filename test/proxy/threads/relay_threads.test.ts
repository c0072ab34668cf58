import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { suite, test } from 'node:test';
import type { ToThread } from '../../../src/proxy/threads/mail.ts';
import type { ReportRecord } from '../../../src/report/model.ts';
import { client as c, server as s } from '../../support/messages.ts';
import { connectTo, type FakeServer, fakeServer, type Peer, socketPath } from '../../support/peers.ts';
import { assertBalanced, greeting, KEY, leave, type Pair } from '../../support/proxies.ts';
import { relayThreads, type ThreadsLab } from '../../support/threads.ts';
import { until } from '../../support/until.ts';

const timeout = 30_000;

/** Opens a session that is past its first ReadyForQuery. */
async function open(lab: ThreadsLab, upstream: FakeServer, key = KEY): Promise<Pair> {
  const startup = c.startup();
  const client = await lab.connect();
  client.send(startup);
  const server = await upstream.accept();
  await server.receive(startup.length);
  const hello = Buffer.from(greeting);
  key.copy(hello, hello.indexOf(KEY));
  server.send(hello);
  await client.receive(hello.length);
  return { client, server };
}

/** Asks, and is answered with so many bytes of data. */
async function ask({ client, server }: Pair, text: string, bytes: number): Promise<void> {
  const query = c.query(text);
  const answer = Buffer.concat([s.dataRow('x'.repeat(bytes)), s.complete('SELECT 1'), s.ready()]);
  client.send(query);
  await server.receive(query.length);
  server.send(answer);
  await client.receive(answer.length);
}

async function settled(lab: ThreadsLab): Promise<ReportRecord> {
  await until(() => lab.proxy.openSessions === 0, 'the end of all sessions');
  const report = await lab.report();
  for (const session of report.sessions) assertBalanced(session);
  return report;
}

/** What must not depend on the number of threads. */
function figuresOf(report: ReportRecord): object {
  const { totals, databases, sessions, statements, refused, dropped } = report;
  const bytes = ({ R, S }: ReportRecord['totals']): object => ({
    R: { bytes: R.bytes, messages: R.messages },
    S: { bytes: S.bytes, messages: S.messages },
  });
  return {
    totals: bytes(totals),
    databases: databases.map((row) => [row.database, row.user, row.sessions, row.statements, bytes(row)]),
    ids: sessions.map(({ id }) => id).toSorted((a, b) => a - b),
    sessions: sessions.map((session) => [bytes(session), session.statement_count]),
    statements: statements.map((row) => [
      row.query,
      row.calls,
      row.rows,
      bytes(row),
      row.R_bytes,
      row.S_bytes,
    ]),
    refused,
    dropped: { ...dropped, ...bytes(dropped) },
  };
}

async function mixedLoad(workers: number): Promise<object> {
  const upstream = await fakeServer();
  const lab = await relayThreads(upstream.address, workers);
  const pairs: Pair[] = [];
  for (let at = 0; at < 23; at += 1) {
    const pair = await open(lab, upstream);
    pairs.push(pair);
    for (let statement = 0; statement < at % 5; statement += 1)
      await ask(pair, `select ${statement} from t${at % 3}`, at * 101);
  }
  for (const pair of pairs) leave(pair);
  const report = await settled(lab);
  await lab.proxy.stop();
  return figuresOf(report);
}

suite('Relay threads', { timeout }, () => {
  test('count the same, whether there are one, two or three', async () => {
    const one = await mixedLoad(1);
    assert.deepEqual(await mixedLoad(2), one);
    assert.deepEqual(await mixedLoad(3), one);
  });

  test('find the session of a cancel request in whichever of them it is', async () => {
    const upstream = await fakeServer();
    const lab = await relayThreads(upstream.address, 2);
    const pair = await open(lab, upstream);
    const query = c.query('select pg_sleep(100)');
    pair.client.send(query);
    await pair.server.receive(query.length);
    for (let at = 0; at < 13; at += 1) {
      const canceller = await lab.connect();
      canceller.send(c.cancel(4711, at === 7 ? Buffer.from([9, 9, 9, 9]) : KEY));
      const carrier = await upstream.accept();
      assert.deepEqual(await carrier.receive(16), c.cancel(4711, at === 7 ? Buffer.from([9, 9, 9, 9]) : KEY));
      carrier.end();
      await canceller.receiveAll();
      canceller.end();
    }
    const { cancels } = await lab.report();
    const found = cancels.map(({ session, outcome }) => `${session} ${outcome}`).toSorted();
    assert.deepEqual(found, [...Array.from({ length: 12 }, () => '1 no_effect'), 'null unknown_key']);
    for (const { delivered_at, error } of cancels) assert.ok(delivered_at !== null && error === null);
    pair.server.send(Buffer.concat([s.error('57014'), s.ready()]));
    await pair.client.receive(s.error('57014').length + s.ready().length);
    const after = await lab.report();
    assert.equal(after.cancels.filter(({ outcome }) => outcome === 'cancelled').length, 12);
    leave(pair);
    await settled(lab);
  });

  test('take no more sessions than the limit together', async () => {
    const upstream = await fakeServer();
    const lab = await relayThreads(upstream.address, 3, { maxConnections: 7 });
    const pairs: Pair[] = [];
    for (let at = 0; at < 7; at += 1) pairs.push(await open(lab, upstream));
    for (let at = 0; at < 5; at += 1) {
      const client = await lab.connect();
      client.send(c.startup());
      assert.match((await client.receiveAll()).toString(), /53300.*too many clients/s);
      client.end();
    }
    leave(pairs.pop()!);
    await until(() => lab.proxy.openSessions === 6, 'the end of one');
    pairs.push(await open(lab, upstream));
    for (const pair of pairs) leave(pair);
    const report = await settled(lab);
    assert.deepEqual(report.refused, { connections: 5, cancels: 0 });
    assert.equal(report.sessions.length, 8);
  });

  test('tell of statements and messages in order, session by session, and miss none', async () => {
    const upstream = await fakeServer();
    const lab = await relayThreads(upstream.address, 2);
    const pairs: Pair[] = [];
    for (let at = 0; at < 7; at += 1) pairs.push(await open(lab, upstream));
    for (let round = 0; round < 23; round += 1)
      await Promise.all(pairs.map((pair) => ask(pair, `select ${round}`, 11)));
    for (const pair of pairs) leave(pair);
    await settled(lab);
    await until(() => lab.statements.length === 7 * 23, 'all statements');
    for (let session = 1; session <= 7; session += 1) {
      const own = lab.statements.filter((line) => line.session === session);
      assert.deepEqual(
        own.map(({ seq }) => seq),
        Array.from({ length: 23 }, (_, at) => at + 1),
      );
      const traced = lab.trace.filter((line) => line.split('\t')[1] === String(session));
      const queries = traced.flatMap((line) => /Query\s+"select (\d+)"/.exec(line)?.[1] ?? []);
      assert.deepEqual(
        queries,
        Array.from({ length: 23 }, (_, at) => String(at)),
        traced.join('\n'),
      );
    }
  });

  test('that fail take their own sessions with them, and no others, and are replaced', async () => {
    const upstream = await fakeServer();
    const lab = await relayThreads(upstream.address, 2);
    const pairs: Pair[] = [];
    for (let at = 0; at < 23; at += 1) pairs.push(await open(lab, upstream));
    for (const pair of pairs) await ask(pair, 'select 1', 23);
    const defect: ToThread = JSON.parse('{"kind":"find","id":1,"sought":null}');
    lab.proxy.threads[0]!.send(defect);
    await until(() => lab.log.some(({ msg }) => /relay thread 1 failed/.test(msg)), 'its end');
    const report = await lab.report();
    const aborted = report.sessions.filter(({ end_reason }) => end_reason === 'aborted');
    const going = report.sessions.filter(({ ended_at }) => ended_at === null);
    assert.equal(aborted.length + going.length, 23);
    assert.equal(going.length, lab.proxy.openSessions);
    for (const { end_detail, statement_count } of aborted) {
      assert.match(end_detail ?? '', /its relay thread failed/);
      assert.equal(statement_count, 1);
    }
    const [lost] = report.lost_threads;
    assert.deepEqual([lost?.thread, lost?.figures], [1, 'complete']);
    const isOver = ({ client }: Pair): boolean => client.ended || client.closed;
    await until(() => pairs.filter(isOver).length === aborted.length, 'their ends');
    for (const pair of pairs.filter((one) => !isOver(one))) await ask(pair, 'select 2', 7);
    await until(() => lab.proxy.threads[0]!.ageMs < 5000 && !lab.proxy.threads[0]!.isGone, 'the next thread');
    await lab.proxy.threads[0]!.listening;
    const after: Pair[] = [];
    for (let at = 0; at < 13; at += 1) after.push(await open(lab, upstream));
    for (const pair of after) await ask(pair, 'select 3', 7);
    for (const pair of [...pairs, ...after]) leave(pair);
    const last = await settled(lab);
    assert.equal(last.sessions.length, 36);
    const calls = last.statements.reduce((sum, row) => sum + row.calls, 0);
    assert.equal(calls, 23 + going.length + 13);
  });

  test('that are killed are reported with what they told last', async () => {
    const upstream = await fakeServer();
    const lab = await relayThreads(upstream.address, 2);
    const pairs: Pair[] = [];
    for (let at = 0; at < 13; at += 1) pairs.push(await open(lab, upstream));
    await lab.report();
    for (const thread of lab.proxy.threads) thread.terminate();
    await until(() => lab.log.filter(({ msg }) => /was terminated/.test(msg)).length === 2, 'their ends');
    await until(() => lab.proxy.openSessions === 0, 'what they held to be free');
    const report = await lab.report();
    assert.equal(report.sessions.filter(({ end_reason }) => end_reason === 'aborted').length, 13);
    assert.deepEqual(
      report.lost_threads.map(({ figures }) => figures),
      ['last_known', 'last_known'],
    );
    for (const pair of pairs) leave(pair);
  });

  test('that loop for ever do not keep the process from its end', async () => {
    const upstream = await fakeServer();
    const worker = new URL('../../support/spinning_worker.js', import.meta.url);
    const lab = await relayThreads(upstream.address, 2, {}, { worker });
    const pair = await open(lab, upstream);
    lab.proxy.threads[1]!.send({
      kind: 'delivered',
      request: -1,
      delivery: { deliveredAt: null, error: null },
    });
    const began = performance.now();
    const report = await lab.proxy.stop();
    assert.ok(performance.now() - began < 900);
    assert.deepEqual(
      report.lost_threads.map(({ thread, reason }) => [thread, reason]),
      [[2, 'it did not answer within 0.5 s']],
    );
    leave(pair);
  });

  test('end their sessions as these come to rest, when they are to drain', async () => {
    const upstream = await fakeServer();
    const lab = await relayThreads(upstream.address, 2);
    const pairs: Pair[] = [];
    for (let at = 0; at < 7; at += 1) pairs.push(await open(lab, upstream));
    const [busy] = pairs;
    const query = c.query('select pg_sleep(1)');
    busy!.client.send(query);
    await busy!.server.receive(query.length);
    const drained = lab.proxy.drain(new AbortController().signal);
    await until(() => lab.proxy.openSessions === 1, 'the end of those at rest');
    await assert.rejects(lab.connect());
    busy!.server.send(Buffer.concat([s.complete('SELECT 1'), s.ready()]));
    await drained;
    assert.equal(lab.proxy.openSessions, 0);
    for (const pair of pairs) leave(pair);
    await settled(lab);
  });

  test('share a Unix-domain socket, and leave nothing behind', async () => {
    const upstream = await fakeServer();
    const path = socketPath();
    const lab = await relayThreads(upstream.address, 2, {}, { listen: { path } });
    const clients: Peer[] = await Promise.all(Array.from({ length: 7 }, () => connectTo({ path })));
    await until(() => lab.proxy.openSessions === 7, 'all to be taken');
    for (const client of clients) client.end();
    await until(() => lab.proxy.openSessions === 0, 'their ends');
    await lab.proxy.stop();
    assert.equal(existsSync(path), false);
  });
});
