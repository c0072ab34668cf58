// WAL and changes that are streamed between real servers and programs through the proxy, reported while they run.
import assert from 'node:assert/strict';
import path from 'node:path';
import { readdirSync, statSync } from 'node:fs';
import { describe, it } from 'node:test';
import pg from 'pg';
import type { ReportRecord, StatementRecord } from '../../src/report/model.ts';
import type { PostgresServer } from '../../src/embedded/postgres.ts';
import { libpqEnvironment, start, temporaryDirectory } from '../support/programs.ts';
import { proxyBefore, type RunningProxy } from '../support/running_proxy.ts';
import { debianProgram, debianMissing, debianServer, embeddedServer } from '../support/servers.ts';
import { until } from '../support/until.ts';

const logical = { settings: { wal_level: 'logical' } };

/** The largest stream of a report: one that copies a table first is soon over. Undefined before there is one. */
function streamOf(report: ReportRecord): StatementRecord | undefined {
  const statements = report.sessions.flatMap((session) => session.statements);
  const streams = statements.filter(({ kind }) => kind === 'copy_both');
  return streams.toSorted((one, other) => other.S.bytes - one.S.bytes)[0];
}

/** Waits until the stream is reported as open, with at least so many bytes from the server. */
async function untilStreamed(running: RunningProxy, bytes: number): Promise<StatementRecord> {
  await until(() => (streamOf(running.proxy.report())?.S.bytes ?? -1) >= bytes, `${bytes} bytes of stream`);
  const stream = streamOf(running.proxy.report())!;
  assert.deepEqual([stream.kind, stream.outcome, stream.time.duration_us], ['copy_both', 'open', null]);
  return stream;
}

async function sql(server: PostgresServer, ...commands: string[]): Promise<unknown[]> {
  const client = new pg.Client({
    host: server.host,
    port: server.port,
    user: 'postgres',
    database: 'postgres',
  });
  await client.connect();
  try {
    let rows: unknown[] = [];
    for (const command of commands) ({ rows } = await client.query<Record<string, unknown>>(command));
    return rows;
  } finally {
    await client.end();
  }
}

const fill = 'insert into t select n, repeat(md5(n::text), 31) from generate_series(1, 997) n';

describe('physical replication', { skip: debianMissing }, () => {
  it('pg_receivewal streams WAL that is reported live, and ends in order', async () => {
    const server = await debianServer();
    await sql(server, 'create table t (n int, a text)');
    const running = await proxyBefore(server);
    const directory = temporaryDirectory();
    const { child, finished } = start(
      debianProgram('pg_receivewal'),
      ['-D', directory, '--no-loop', '--no-sync', '-s', '1'],
      { env: libpqEnvironment(running) },
    );
    const first = await untilStreamed(running, 0);
    await sql(server, fill);
    const live = await untilStreamed(running, first.S.bytes + 997 * 31 * 32);
    assert.ok(live.S.messages > first.S.messages);
    child.kill('SIGINT');
    assert.equal((await finished).code, 0);
    const stream = streamOf(await running.settled())!;
    assert.equal(stream.outcome, 'ok');
    assert.ok(stream.S.bytes >= live.S.bytes && stream.R.messages > 1);
    const [segment] = readdirSync(directory);
    assert.ok(statSync(path.join(directory, segment!)).size >= 16 * 1024 * 1024);
  });

  it('ends in order when the primary is shut down', async () => {
    const server = await debianServer();
    await sql(server, 'create table t (n int, a text)');
    const running = await proxyBefore(server);
    const { finished } = start(
      debianProgram('pg_receivewal'),
      ['-D', temporaryDirectory(), '--no-loop', '--no-sync', '-s', '1'],
      { env: libpqEnvironment(running) },
    );
    const first = await untilStreamed(running, 0);
    await sql(server, fill);
    await untilStreamed(running, first.S.bytes + 997 * 31 * 32);
    await server.stop('fast');
    await finished;
    const report = await running.settled();
    const stream = streamOf(report)!;
    assert.deepEqual([stream.outcome, stream.tag], ['ok', 'COPY 0']);
    const session = report.sessions.find(({ statements }) => statements.includes(stream));
    // It may say so before it goes.
    assert.match(session?.end_reason ?? '', /^(?:terminate|server_closed)$/);
    assert.equal(session?.end_detail, null);
  });
});

describe('logical replication', () => {
  it('a subscription is reported live, and gets its rows', async () => {
    const [publisher, subscriber] = await Promise.all([embeddedServer(logical), embeddedServer(logical)]);
    const table = 'create table t (n int primary key, a text)';
    await sql(publisher, table, fill, 'create publication p for table t');
    const running = await proxyBefore(publisher);
    const through = `host=${running.host} port=${running.port} user=postgres dbname=postgres`;
    await sql(subscriber, table, `create subscription s connection '${through}' publication p`);
    const rows = async (): Promise<number> => {
      return (await sql(subscriber, 'select from t')).length;
    };
    await until(async () => (await rows()) === 997, 'the first copy');
    await sql(publisher, fill.replace('select n', 'select n + 1000'));
    await until(async () => (await rows()) === 2 * 997, 'the changes');
    const live = await untilStreamed(running, 997 * 31 * 32);
    assert.ok(live.R.bytes > 0);
    await sql(subscriber, 'drop subscription s');
    const report = await running.settled();
    const ended = streamOf(report)!;
    // The apply worker leaves without ending its COPY.
    assert.equal(ended.outcome, 'aborted');
    const copied = report.sessions
      .flatMap((session) => session.statements)
      .filter(({ kind }) => kind === 'copy_out');
    assert.deepEqual(
      copied.map(({ tag }) => tag),
      ['COPY 997'],
    );
  });
});
