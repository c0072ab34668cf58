import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { after, describe, it } from 'node:test';
import postgres from 'postgres';
import type { ReportRecord, StatementRecord } from '../../src/report/model.ts';
import { proxyBefore, type RunningProxy } from '../support/running_proxy.ts';
import { embeddedServer } from '../support/servers.ts';
import { until } from '../support/until.ts';

const server = await embeddedServer();

function connect(running: RunningProxy, options: postgres.Options<Record<string, never>> = {}): postgres.Sql {
  const { host, port } = running;
  // Without the look at pg_type, so that each statement is one of the test.
  const sql = postgres({
    host,
    port,
    user: 'postgres',
    database: 'postgres',
    max: 1,
    fetch_types: false,
    onnotice: () => undefined,
    ...options,
  });
  after(() => sql.end({ timeout: 0 }));
  return sql;
}

const statementsOf = (report: ReportRecord): StatementRecord[] =>
  report.sessions.flatMap((session) => session.statements);

describe('postgres.js', () => {
  it('pipelines queries: each is one statement, the failed one alone fails', async () => {
    const running = await proxyBefore(server);
    const sql = connect(running);
    const results = await Promise.allSettled(
      Array.from({ length: 23 }, (_, turn) => sql`select 6 / (${turn + 1}::int - 7) as n`),
    );
    assert.equal(results.filter(({ status }) => status === 'rejected').length, 1);
    await sql.end();
    const statements = statementsOf(await running.settled());
    const executed = statements.filter(({ kind }) => kind === 'execute');
    assert.equal(executed.length, 23);
    assert.deepEqual(
      executed.map(({ outcome }) => outcome),
      Array.from({ length: 23 }, (_, turn) => (turn === 6 ? 'error' : 'ok')),
    );
    for (const { query } of executed) assert.equal(query, 'select 6 / ($1::int - 7) as n');
  });

  it('reads through a cursor: one statement with its fetches', async () => {
    const running = await proxyBefore(server);
    const sql = connect(running);
    let rows = 0;
    for await (const part of sql`select n from generate_series(1, 97) n`.cursor(10)) rows += part.length;
    assert.equal(rows, 97);
    // A cursor that is left early is closed.
    for await (const part of sql`select n from generate_series(1, 9973) n`.cursor(11)) {
      if (part.length > 0) break;
    }
    await sql`select 1`;
    await sql.end();
    const executed = statementsOf(await running.settled()).filter(({ kind }) => kind === 'execute');
    assert.deepEqual(
      executed.map(({ fetches, outcome, tag }) => [fetches, outcome, tag]),
      [
        [10, 'ok', 'SELECT 7'],
        [1, 'ok', null],
        [1, 'ok', 'SELECT 1'],
      ],
    );
    assert.equal(executed[1]?.rows, 11);
  });

  it('writes and reads a large object', async () => {
    const running = await proxyBefore(server);
    const sql = connect(running);
    const content = Buffer.alloc(1_000_003, 'large object ');
    const object = await sql.largeObject();
    const writable = await object.writable();
    await pipeline(Readable.from([content]), writable);
    await object.seek(0);
    const parts: Buffer[] = [];
    for await (const part of (await object.readable()) as AsyncIterable<Buffer>) parts.push(part);
    assert.ok(Buffer.concat(parts).equals(content));
    await object.close();
    await sql.end();
    const report = await running.settled();
    assert.ok(report.totals.R.bytes > content.length && report.totals.S.bytes > content.length);
    assert.ok(statementsOf(report).every(({ outcome }) => outcome === 'ok'));
  });

  it('copies in and out through streams', async () => {
    const running = await proxyBefore(server);
    const sql = connect(running);
    await sql`create temp table t (n int, text text)`;
    const rows = Array.from({ length: 10_007 }, (_, row) => `${row}\t${'x'.repeat(row % 211)}\n`);
    await pipeline(Readable.from(rows), await sql`copy t from stdin`.writable());
    const parts: Buffer[] = [];
    for await (const part of (await sql`copy (select * from t order by n) to stdout`.readable()) as AsyncIterable<Buffer>)
      parts.push(part);
    assert.equal(Buffer.concat(parts).toString(), rows.join(''));
    await sql.end();
    const copies = statementsOf(await running.settled()).filter(({ kind }) => kind.startsWith('copy'));
    assert.deepEqual(
      copies.map(({ kind, outcome, rows: count }) => [kind, outcome, count]),
      [
        ['copy_in', 'ok', 10_007],
        ['copy_out', 'ok', 10_007],
      ],
    );
  });

  it('cancels with a CancelRequest, and a later query of the same session is unharmed', async () => {
    const running = await proxyBefore(server);
    const sql = connect(running);
    const [me] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
    const observer = connect(running);
    for (let turn = 1; turn <= 3; turn += 1) {
      const sleep = sql`select pg_sleep(61)`;
      const cancelled = assert.rejects(
        sleep.execute().then(() => undefined),
        { code: '57014' },
      );
      await until(async () => {
        const [row] = await observer<{ sleeps: boolean }[]>`
          select wait_event = 'PgSleep' as sleeps from pg_stat_activity where pid = ${me!.pid}`;
        return row?.sleeps === true;
      }, 'the server to sleep');
      sleep.cancel();
      await cancelled;
      assert.equal((await sql<{ turn: number }[]>`select ${turn}::int as turn`)[0]?.turn, turn);
    }
    await Promise.all([sql.end(), observer.end()]);
    const report = await running.settled();
    const session = report.sessions.find(({ backend_pid: pid }) => pid === me!.pid);
    assert.ok(session !== undefined);
    const sleeps = session.statements.filter(({ query }) => query === 'select pg_sleep(61)');
    assert.deepEqual(
      sleeps.map(({ outcome }) => outcome),
      ['cancelled', 'cancelled', 'cancelled'],
    );
    assert.deepEqual(
      report.cancels.map((cancel) => [cancel.session, cancel.statement, cancel.error]),
      sleeps.map(({ seq }) => [session.id, seq, null]),
    );
  });

  it('runs simple queries, transactions and savepoints', async () => {
    const running = await proxyBefore(server);
    const sql = connect(running);
    await sql`select 1; select 2; select 3`.simple();
    await sql.begin(async (transaction) => {
      await transaction`create temp table t (n int)`;
      await transaction
        .savepoint(async (savepoint) => {
          await savepoint`insert into t values (1)`;
          await savepoint`select 1/0`;
        })
        .catch((error: unknown) => assert.match(String(error), /division by zero/));
      await transaction`insert into t values (2)`;
    });
    assert.equal((await sql`select * from t`).length, 1);
    await sql.end();
    const statements = statementsOf(await running.settled());
    assert.deepEqual([statements[0]?.completions, statements[0]?.parts.length], [3, 3]);
    assert.deepEqual(
      statements.filter(({ outcome }) => outcome !== 'ok').map(({ sqlstate }) => sqlstate),
      ['22012'],
    );
  });

  it('hears notifications, and is told what the server noticed', async () => {
    const running = await proxyBefore(server);
    let notices = 0;
    const sql = connect(running, { onnotice: () => (notices += 1) });
    const heard: string[] = [];
    await sql.listen('news', (payload) => heard.push(payload));
    for (let turn = 1; turn <= 23; turn += 1) await sql.notify('news', `${turn}`);
    await until(() => heard.length === 23, 'the notifications');
    await sql`do $$ begin for n in 1..997 loop raise notice 'notice %', n; end loop; end $$`;
    assert.equal(notices, 997);
    await sql.end();
    const report = await running.settled();
    const flood = statementsOf(report).find(({ query }) => query?.startsWith('do ') === true);
    assert.ok(flood !== undefined && flood.S.messages > 997);
    const asynchronous = report.sessions.reduce((sum, session) => sum + session.accounts.async.S, 0);
    assert.ok(asynchronous > 0);
  });
});
