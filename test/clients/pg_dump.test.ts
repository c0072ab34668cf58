import assert from 'node:assert/strict';
import path from 'node:path';
import { before, describe, it } from 'node:test';
import type { ReportRecord, StatementRecord } from '../../src/report/model.ts';
import { libpqEnvironment, start, succeed, type Target, temporaryDirectory } from '../support/programs.ts';
import { proxyBefore } from '../support/running_proxy.ts';
import { debianProgram, debianMissing, debianServer } from '../support/servers.ts';
import { until } from '../support/until.ts';

const server = debianMissing === false ? await debianServer({ settings: { wal_level: 'logical' } }) : null;

const DATABASE = `
create table customers (id int primary key, name text not null, photo bytea, unique (name));
insert into customers select n, 'näme ' || n, decode(repeat(md5(n::text), 97), 'hex') from generate_series(1, 997) n;
create table orders (id bigserial primary key, customer int references customers, items jsonb);
insert into orders (customer, items) select 1 + n % 997, jsonb_build_object('n', n) from generate_series(1, 10007) n;
create index on orders (customer);
create view big_customers as select customer, count(*) from orders group by 1;
create function twice(int) returns int language sql as 'select 2 * $1';
select lo_from_bytea(10000 + n, decode(repeat(md5(n::text), 1009 * n), 'hex')) from generate_series(1, 23) n;
comment on large object 10001 is 'the first';
`;

function theServer(): Target {
  assert.ok(server !== null);
  return server;
}

/** A dump as SQL, without the key that newer versions draw for each. */
async function plainDump(target: Target, database: string): Promise<string> {
  const env = libpqEnvironment(target, { PGDATABASE: database });
  const sql = await succeed(debianProgram('pg_dump'), ['-Fp'], { env });
  return sql.replaceAll(/^\\(un)?restrict .*$/gm, '\\$1restrict');
}

/** Row counts of the statements of one kind, in order of size. */
function rowsOf(report: ReportRecord, kind: StatementRecord['kind']): number[] {
  return statementsOf(report)
    .filter((statement) => statement.kind === kind)
    .map((statement) => statement.rows ?? 0)
    .toSorted((one, other) => one - other);
}

const statementsOf = (report: ReportRecord) => report.sessions.flatMap((session) => session.statements);

describe('pg_dump and its relatives', { skip: debianMissing }, () => {
  before(async () => {
    const env = libpqEnvironment(theServer());
    await succeed(debianProgram('psql'), ['-Xqc', 'create database shop'], { env });
    const shop = libpqEnvironment(theServer(), { PGDATABASE: 'shop' });
    await succeed(debianProgram('psql'), ['-Xq', '-v', 'ON_ERROR_STOP=1'], { env: shop, input: DATABASE });
  });

  it('a plain dump is the same through the proxy as without it', async () => {
    assert.ok(server !== null);
    const running = await proxyBefore(server);
    assert.equal(await plainDump(running, 'shop'), await plainDump(server, 'shop'));
    assert.deepEqual(rowsOf(await running.settled(), 'copy_out'), [997, 10_007]);
  });

  for (const [format, jobs] of [
    ['custom', []],
    ['directory', ['-j', '2']],
  ] as const) {
    it(`a dump in ${format} format restores the same database through the proxy`, async () => {
      assert.ok(server !== null);
      const running = await proxyBefore(server);
      const file = path.join(temporaryDirectory(), 'dump');
      const copy = `copy_${format}`;
      const env = libpqEnvironment(running, { PGDATABASE: 'shop' });
      await succeed(debianProgram('pg_dump'), ['-F', format, ...jobs, '-f', file], { env });
      await succeed(debianProgram('psql'), ['-Xqc', `create database ${copy}`], { env });
      // pg_restore has no parallel mode for what it reads from a pipe, but it has for a custom file.
      await succeed(debianProgram('pg_restore'), ['-j', '2', '-d', copy, file], { env });
      const report = await running.settled();
      assert.equal(await plainDump(server, copy), await plainDump(server, 'shop'));
      const statements = statementsOf(report);
      assert.deepEqual(rowsOf(report, 'copy_out'), [997, 10_007]);
      assert.deepEqual(rowsOf(report, 'copy_in'), [997, 10_007]);
      assert.ok(
        statements.some(({ kind }) => kind === 'function'),
        'large objects are read by FunctionCall',
      );
      assert.ok(statements.every(({ outcome }) => outcome === 'ok'));
    });
  }

  it('pg_basebackup takes a backup that verifies, with its WAL streamed beside it', async () => {
    assert.ok(server !== null);
    const running = await proxyBefore(server);
    const directory = path.join(temporaryDirectory(), 'backup');
    const env = libpqEnvironment(running);
    await succeed(
      debianProgram('pg_basebackup'),
      ['-D', directory, '-X', 'stream', '--checkpoint=fast', '--no-sync'],
      { env },
    );
    await succeed(debianProgram('pg_verifybackup'), [directory], { env });
    const statements = statementsOf(await running.settled());
    const kinds = new Set(statements.map(({ kind }) => kind));
    assert.ok(kinds.has('copy_out') && kinds.has('copy_both'), [...kinds].join(', '));
    for (const { query, outcome } of statements) assert.equal(outcome, 'ok', query ?? '');
  });

  it('pg_recvlogical is reported live while it streams, until it breaks off', async () => {
    assert.ok(server !== null);
    const running = await proxyBefore(server);
    const env = libpqEnvironment(running);
    const slot = ['-d', 'postgres', '-S', 'changes'];
    await succeed(debianProgram('pg_recvlogical'), [...slot, '--create-slot', '-P', 'test_decoding'], {
      env,
    });
    const { child, output, finished } = start(
      debianProgram('pg_recvlogical'),
      [...slot, '--start', '--no-loop', '-F', '0', '-s', '1', '-f', '-'],
      { env },
    );
    const direct = libpqEnvironment(server);
    const streaming = () => statementsOf(running.proxy.report()).find(({ kind }) => kind === 'copy_both');
    await until(() => streaming() !== undefined, 'the stream');
    await succeed(
      debianProgram('psql'),
      ['-Xqc', 'create table news (n int)', '-c', 'insert into news select generate_series(1, 997)'],
      { env: direct },
    );
    await until(() => output().includes('997'), 'the last change');
    const live = streaming();
    assert.ok(live !== undefined && live.outcome === 'open' && live.time.duration_us === null);
    assert.ok(live.S.messages > 997 && live.S.bytes > output().length);
    await until(() => streaming()!.R.messages > 1, 'what the client reports back');
    child.kill('SIGINT');
    await finished;
    const report = await running.settled();
    await succeed(debianProgram('psql'), ['-Xqc', "select pg_drop_replication_slot('changes')"], {
      env: direct,
    });
    const ended = statementsOf(report).find(({ kind }) => kind === 'copy_both');
    // It closes the connection without ending the COPY.
    assert.equal(ended?.outcome, 'aborted');
    assert.ok(ended.S.bytes >= live.S.bytes && ended.time.duration_us !== null);
  });
});
