import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout } from 'node:timers/promises';
import { after, describe, it } from 'node:test';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import type { SessionRecord, StatementRecord } from '../../src/report/model.ts';
import { proxyBefore, type RunningProxy } from '../support/running_proxy.ts';
import { embeddedServer } from '../support/servers.ts';
import { until } from '../support/until.ts';

const server = await embeddedServer();

async function connect(running: RunningProxy, options: pg.ClientConfig = {}): Promise<pg.Client> {
  const { host, port } = running;
  const client = new pg.Client({ host, port, user: 'postgres', database: 'postgres', ...options });
  client.on('error', () => undefined);
  await client.connect();
  after(() => client.end().catch(() => undefined));
  return client;
}

/** The only session, once it has ended. */
async function only(running: RunningProxy): Promise<SessionRecord> {
  const { sessions } = await running.settled();
  assert.equal(sessions.length, 1);
  return sessions[0]!;
}

const summary = ({ kind, query, outcome, tag, rows }: StatementRecord): unknown[] => [
  kind,
  query,
  outcome,
  tag,
  rows,
];

describe('node-postgres', () => {
  it('runs parameterised and plain queries, and each is one statement', async () => {
    const running = await proxyBefore(server);
    const client = await connect(running);
    for (let turn = 1; turn <= 23; turn += 1) {
      const { rows } = await client.query<{ n: number }>('select n from generate_series(1, $1::int) n', [
        turn,
      ]);
      assert.equal(rows.length, turn);
    }
    await client.query('select 1; select 2');
    await assert.rejects(client.query('select $1::int / 0', [1]), { code: '22012' });
    await assert.rejects(client.query('selekt $1', [1]), { code: '42601' });
    await client.end();
    const { statements } = await only(running);
    assert.deepEqual(
      statements.slice(0, 23).map((statement) => summary(statement)),
      Array.from({ length: 23 }, (_, turn) => [
        'execute',
        'select n from generate_series(1, $1::int) n',
        'ok',
        `SELECT ${turn + 1}`,
        turn + 1,
      ]),
    );
    assert.deepEqual(
      statements
        .slice(23)
        .map(({ kind, outcome, sqlstate, completions }) => [kind, outcome, sqlstate, completions]),
      [
        ['query', 'ok', null, 2],
        ['execute', 'error', '22012', 0],
        // Its Parse fails: nothing was executed. The Execute was sent all the same.
        ['execute', 'error', '42601', 0],
      ],
    );
  });

  it('names a prepared statement once, and each execution shows its SQL', async () => {
    const running = await proxyBefore(server);
    const client = await connect(running);
    for (let turn = 0; turn < 23; turn += 1) {
      await client.query({ name: 'twice', text: 'select 2 * $1::int as twice', values: [turn] });
    }
    await client.query('deallocate twice');
    await client.end();
    const { statements } = await only(running);
    assert.equal(statements.length, 24);
    for (const statement of statements.slice(0, 23)) {
      assert.deepEqual(summary(statement), ['execute', 'select 2 * $1::int as twice', 'ok', 'SELECT 1', 1]);
    }
    const [first, second] = statements;
    assert.ok(first!.R.bytes > second!.R.bytes, 'the first one carries the Parse');
  });

  it('fetches a result piece by piece: one statement with its fetches', async () => {
    const running = await proxyBefore(server);
    const client = await connect(running);
    const query = new pg.Query<{ n: number }>({
      text: 'select n from generate_series(1, 97) n',
      rows: 10,
    } as pg.QueryConfig);
    const rows: number[] = [];
    query.on('row', (row) => rows.push(row.n));
    const end = once(query, 'end');
    client.query(query);
    await end;
    assert.equal(rows.length, 97);
    await client.end();
    const { statements } = await only(running);
    assert.deepEqual(
      statements.map(({ fetches, tag }) => [fetches, tag]),
      [[10, 'SELECT 7']],
    );
  });

  it('pipelines queries: each is one statement, the failed one alone fails', async () => {
    const running = await proxyBefore(server);
    const client = await connect(running, { pipeline: true });
    const results = await Promise.allSettled(
      Array.from({ length: 23 }, (_, turn) => client.query('select 6 / ($1::int - 7) as n', [turn + 1])),
    );
    assert.deepEqual(
      results.map(({ status }) => status),
      Array.from({ length: 23 }, (_, turn) => (turn === 6 ? 'rejected' : 'fulfilled')),
    );
    await client.end();
    const { statements } = await only(running);
    assert.deepEqual(
      statements.map(({ outcome }) => outcome),
      Array.from({ length: 23 }, (_, turn) => (turn === 6 ? 'error' : 'ok')),
    );
  });

  it('copies in and out through streams', async () => {
    const running = await proxyBefore(server);
    const client = await connect(running);
    await client.query('create temp table t (n int, text text)');
    const rows = Array.from({ length: 10_007 }, (_, row) => `${row}\t${'x'.repeat(row % 211)}\n`);
    await pipeline(Readable.from(rows), client.query(copyFrom('copy t from stdin')));
    const parts: Buffer[] = [];
    for await (const part of client.query(
      copyTo('copy (select * from t order by n) to stdout'),
    ) as AsyncIterable<Buffer>)
      parts.push(part);
    assert.equal(Buffer.concat(parts).toString(), rows.join(''));
    // A source that breaks: the client sends CopyFail.
    const broken = Readable.from(
      (function* () {
        yield* rows;
        throw new Error('broken');
      })(),
    );
    await assert.rejects(pipeline(broken, client.query(copyFrom('copy t from stdin'))));
    assert.equal((await client.query('select count(*)::int as count from t')).rows[0].count, 10_007);
    await client.end();
    const { statements } = await only(running);
    assert.deepEqual(
      statements.map(({ kind, outcome, sqlstate, rows: count }) => [kind, outcome, sqlstate, count]),
      [
        ['query', 'ok', null, null],
        ['copy_in', 'ok', null, 10_007],
        ['copy_out', 'ok', null, 10_007],
        ['copy_in', 'cancelled', '57014', null],
        ['query', 'ok', null, 1],
      ],
    );
    assert.ok(statements[2]!.S.bytes > rows.join('').length);
  });

  it('lets the server wait for the data of a COPY, and that is not the time of the server', async () => {
    const running = await proxyBefore(server);
    const client = await connect(running);
    await client.query('create temp table t (n int)');
    const rows = Readable.from(
      (async function* () {
        for (let row = 0; row < 3; row += 1) {
          await setTimeout(53);
          yield `${row}\n`;
        }
      })(),
    );
    await pipeline(rows, client.query(copyFrom('copy t from stdin')));
    await client.end();
    const session = await only(running);
    const { time } = session.statements[1]!;
    // The first pause may begin before the invitation has come.
    assert.ok(time.client_wait_us >= 2 * 52_000, `${time.client_wait_us} µs of 3 pauses of 53 ms`);
    assert.equal(time.first_byte_us! + time.client_wait_us + time.streaming_us!, time.duration_us);
    assert.deepEqual([time.client_stall_us, time.server_stall_us], [0, 0]);
    assert.equal(session.time.client_wait_us, time.client_wait_us);
    assert.ok(session.time.idle_us > time.client_wait_us);
  });

  it('has a query cancelled by pg_cancel_backend, and another one ended by pg_terminate_backend', async () => {
    const running = await proxyBefore(server);
    const client = await connect(running, { application_name: 'victim' });
    const other = await connect(running);
    const pid = (await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]!.pid;
    const isSleeping = async (): Promise<boolean> => {
      const sql = `select from pg_stat_activity where pid = $1 and wait_event = 'PgSleep'`;
      return (await other.query(sql, [pid])).rowCount === 1;
    };
    for (const [end, sqlstate] of [
      ['pg_cancel_backend', '57014'],
      ['pg_terminate_backend', '57P01'],
    ] as const) {
      const sleep = assert.rejects(client.query('select pg_sleep($1)', [61]), { code: sqlstate });
      await until(isSleeping, 'the server to sleep');
      await other.query(`select ${end}($1)`, [pid]);
      await sleep;
    }
    await other.end();
    const { sessions } = await running.settled();
    const victim = sessions.find((session) => session.application_name === 'victim');
    assert.equal(victim?.backend_pid, pid);
    assert.deepEqual(
      victim.statements.map(({ outcome, sqlstate }) => [outcome, sqlstate]),
      [
        ['ok', null],
        ['cancelled', '57014'],
        ['error', '57P01'],
      ],
    );
    assert.match(victim.end_detail ?? '', /^FATAL 57P01/);
  });

  it('hears notifications while it is idle', async () => {
    const running = await proxyBefore(server);
    const listener = await connect(running, { application_name: 'listener' });
    const speaker = await connect(running);
    const heard: string[] = [];
    listener.on('notification', ({ payload }) => heard.push(payload ?? ''));
    await listener.query('listen news');
    for (let turn = 1; turn <= 23; turn += 1)
      await speaker.query("select pg_notify('news', $1)", [`${turn}`]);
    await until(() => heard.length === 23, 'the notifications');
    await Promise.all([listener.end(), speaker.end()]);
    const { sessions } = await running.settled();
    const session = sessions.find((one) => one.application_name === 'listener');
    assert.ok(session !== undefined);
    assert.equal(session.statement_count, 1);
    // Type byte, length, process id, channel, payload and two NULs.
    const bytes = heard.reduce((sum, payload) => sum + 1 + 4 + 4 + 5 + payload.length + 1, 0);
    const { S, messages } = session.accounts.async;
    assert.deepEqual([S, messages.S], [bytes, 23]);
  });

  it('serves a pool whose clients come and go', async () => {
    const running = await proxyBefore(server);
    const { host, port } = running;
    const pool = new pg.Pool({ host, port, user: 'postgres', database: 'postgres', max: 7 });
    await Promise.all(
      Array.from({ length: 211 }, async (_, turn) => {
        const { rows } = await pool.query<{ n: number }>('select $1::int as n', [turn]);
        assert.equal(rows[0]?.n, turn);
      }),
    );
    await pool.end();
    const { sessions } = await running.settled();
    assert.equal(sessions.length, 7);
    assert.equal(
      sessions.reduce((sum, session) => sum + session.statement_count, 0),
      211,
    );
  });
});
