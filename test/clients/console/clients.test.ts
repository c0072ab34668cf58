// The console as it is used: psql, drivers, and other databases that look through it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { STATEMENTS } from '../../../src/console/tables/statements.ts';
import { connectAs, enterConsole, rowsOf } from '../../support/console.ts';
import { libpqEnvironment, run, start, succeed, temporaryDirectory } from '../../support/programs.ts';
import { proxyBefore, type RunningProxy } from '../../support/running_proxy.ts';
import { debianMissing, debianProgram, debianServer } from '../../support/servers.ts';
import { authority, certificate, CLIENT_TLS, UPSTREAM_TLS } from '../../support/tls_peers.ts';
import { withTls } from '../../support/tls_server.ts';
import { until } from '../../support/until.ts';

const server = debianMissing === false ? await debianServer(withTls(authority, certificate)) : null;
const DRIVER = '/usr/share/java/postgresql.jar';
const EXAMPLE = path.join(import.meta.dirname, '..', '..', '..', '..', 'examples', 'pgnetflow_fdw.sql');
const java: string | false = !existsSync(DRIVER)
  ? `Debian's package libpostgresql-jdbc-java is not installed (${DRIVER})`
  : spawnSync('javac', ['-version']).status !== 0 && 'no Java compiler (javac)';
const python = ['/usr/bin/python3', 'python3'].find(
  (candidate) => spawnSync(candidate, ['-c', 'import psycopg2']).status === 0,
);

async function loaded(options = {}): Promise<RunningProxy> {
  const running = await proxyBefore(server!, options);
  const client = await connectAs(running);
  for (let n = 1; n <= 23; n += 1) await client.query(`select ${n} as shown`);
  await client.end();
  return running;
}

function psql(running: RunningProxy, args: string[], more: Record<string, string> = {}): Promise<string> {
  const env = libpqEnvironment(running, { PGDATABASE: 'pgnetflow', ...more });
  return succeed(debianProgram('psql'), ['-X', ...args], { env });
}

const CALLS = "select calls from netflow_statements where query like '%shown%'";

describe('psql in the console', { skip: debianMissing }, () => {
  it('describes a view: its columns are told in \\d+, its types in \\gdesc', async () => {
    const running = await loaded();
    const described = await psql(running, ['-c', '\\d+ netflow_statements', '-c', '\\dv+ netflow_*']);
    for (const { name, help } of STATEMENTS.columns)
      assert.ok(described.includes(name) && described.includes(help), `${name}: ${help}\n${described}`);
    assert.ok(described.includes(STATEMENTS.help));
    const env = libpqEnvironment(running, { PGDATABASE: 'pgnetflow' });
    const input = 'select calls, query, stats_since from netflow_statements \\gdesc\n';
    const { stdout: types } = await run(debianProgram('psql'), ['-X'], { env, input });
    assert.match(types, /calls\s+\| bigint\n.*query\s+\| text\n.*stats_since\s+\| timestamp with time zone/);
    const shown = await psql(running, ['-A', '-c', '\\x', '-c', 'show stats']);
    assert.match(shown, /^total_query_count\|23$/m);
  });

  it('watches: each look is one at the figures of the moment', async () => {
    const running = await loaded();
    const env = libpqEnvironment(running, { PGDATABASE: 'pgnetflow' });
    const { child, output, finished } = start(debianProgram('psql'), ['-XAt'], { env });
    child.stdin?.write(`${CALLS} \\watch 0.05\n`);
    await until(() => /^23$/m.test(output()), 'the first look');
    const client = await connectAs(running);
    await client.query('select 24 as shown');
    await until(() => /^24$/m.test(output()), 'the next one');
    child.kill('SIGINT');
    child.stdin?.end('\\q\n');
    await finished;
  });

  it('copies them out', async () => {
    const running = await loaded();
    assert.equal(await psql(running, ['-c', `copy (${CALLS}) to stdout`]), '23\n');
    assert.equal(await psql(running, ['-c', `\\copy (${CALLS}) to stdout csv header`]), 'calls\n23\n');
  });

  it('has them whatever its encoding', async () => {
    const running = await loaded();
    const client = await connectAs(running);
    await client.query(`select 1 as "größe_→_値"`);
    for (const encoding of ['UTF8', 'LATIN1', 'SJIS', 'SQL_ASCII']) {
      const text = "select calls from netflow_statements where query like '%gr__e___%'";
      assert.equal(await psql(running, ['-Atc', text], { PGCLIENTENCODING: encoding }), '1\n', encoding);
    }
  });

  it('works over TLS on both legs, with a password', async () => {
    const admin = await connectAs(server!);
    await admin.query("create role monitor login password 'of the monitor' in role pg_monitor");
    const running = await loaded({ clientTls: CLIENT_TLS, upstreamTls: UPSTREAM_TLS });
    const more = {
      PGUSER: 'monitor',
      PGPASSWORD: 'of the monitor',
      PGSSLMODE: 'require',
      PGCHANNELBINDING: 'disable',
    };
    assert.equal(await psql(running, ['-Atc', CALLS], more), '23\n');
    assert.match(await psql(running, ['-Atc', 'show clients'], more), /TLSv1\.3/);
    const { sessions } = await running.settled();
    assert.equal(sessions.filter(({ console: isConsole }) => isConsole).length, 2);
  });
});

describe('where no temporary views can be made', { skip: debianMissing }, () => {
  const VARIANTS = [
    CALLS,
    `with x as (${CALLS}) select calls from x`,
    `with recursive x as (${CALLS}) select calls from x`,
    `/* a comment */ select calls from netflow_statements natural join netflow_statements b where query like '%shown%'`,
    `copy (${CALLS}) to stdout`,
  ];

  async function withoutTemp(running: RunningProxy): Promise<void> {
    const admin = await connectAs(server!);
    await admin.query('revoke temporary on database postgres from public');
    await admin.query('drop role if exists limited');
    await admin.query('create role limited login in role pg_monitor');
    await admin.end();
    for (const text of VARIANTS)
      assert.equal(await psql(running, ['-Atc', text], { PGUSER: 'limited' }), '23\n', text);
    const limited = await enterConsole(running, { user: 'limited' });
    assert.deepEqual(await rowsOf(limited, `${CALLS} and calls > $1`, [7]), [{ calls: '23' }]);
    const plan = await rowsOf(limited, `explain (costs off, verbose) ${CALLS}`);
    assert.match(JSON.stringify(plan), /Function Scan/);
    assert.match(JSON.stringify(await rowsOf(limited, 'show stats')), /"total_query_count":"23"/);
    await assert.rejects(limited.query('do $$ begin perform 1 from netflow_totals; end $$'), {
      code: '0A000',
      hint: 'Use SELECT ... FROM netflow_totals, or SHOW TOTALS.',
    });
  }

  it('(without the TEMPORARY privilege) the figures are read all the same', async () => {
    await withoutTemp(await loaded());
    const admin = await connectAs(server!);
    await admin.query('grant temporary on database postgres to public');
  });

  it('(on a server that is read-only by default) too', async () => {
    const running = await loaded();
    for (const text of VARIANTS) {
      const more = { PGOPTIONS: '-c default_transaction_read_only=on' };
      assert.equal(await psql(running, ['-Atc', text], more), '23\n', text);
    }
  });

  it('(once the session has discarded them) too', async () => {
    const running = await loaded();
    const monitor = await enterConsole(running);
    await monitor.query('discard all');
    assert.deepEqual(await rowsOf(monitor, CALLS), [{ calls: '23' }]);
  });
});

describe(
  'psycopg2 in the console',
  { skip: python === undefined && 'python3 with psycopg2 is not installed' },
  () => {
    it('reads by a server-side cursor, and in autocommit', { skip: debianMissing }, async () => {
      const running = await loaded();
      const script = `
import psycopg2
c = psycopg2.connect('')
with c, c.cursor('reader') as cursor:
    cursor.execute("${CALLS}")
    print(cursor.fetchall())
c.autocommit = True
with c.cursor() as cursor:
    cursor.execute('show version')
    print(cursor.fetchone()[0].split()[0])
    cursor.execute("select count(*) from netflow_activity where is_console and pid = pg_backend_pid() and 1 = %s", (1,))
    print(cursor.fetchall())
`;
      const env = libpqEnvironment(running, { PGDATABASE: 'pgnetflow' });
      assert.equal(await succeed(python!, ['-c', script], { env }), '[(23,)]\npgnetflow\n[(1,)]\n');
    });
  },
);

describe('pgjdbc in the console', { skip: java }, () => {
  it(
    'reads prepared statements, text and binary, and pieces',
    { skip: debianMissing, timeout: 60_000 },
    async () => {
      const running = await loaded();
      const program = path.join(temporaryDirectory(), 'InConsole.java');
      writeFileSync(
        program,
        `import java.sql.*;
public class InConsole { public static void main(String[] a) throws Exception {
  try (Connection c = DriverManager.getConnection(a[0])) {
    try (PreparedStatement s = c.prepareStatement("${CALLS} and calls > ?")) {
      for (int n = 0; n < 11; n++) { s.setInt(1, n); try (ResultSet r = s.executeQuery()) { r.next(); System.out.println(r.getLong(1)); } }
    }
    c.setAutoCommit(false);
    try (PreparedStatement s = c.prepareStatement("select datname from netflow_totals")) {
      s.setFetchSize(1); try (ResultSet r = s.executeQuery()) { while (r.next()) System.out.println(r.getString(1)); }
    }
    c.rollback();
    try (Statement s = c.createStatement(); ResultSet r = s.executeQuery("SHOW POOLS")) { System.out.println(r.getMetaData().getColumnName(1)); }
  } } }`,
      );
      const url = `jdbc:postgresql://127.0.0.1:${running.port}/pgnetflow?user=postgres&sslmode=disable`;
      const told = await succeed('java', ['-cp', DRIVER, program, url], { env: process.env });
      assert.equal(told, `${'23\n'.repeat(11)}postgres\ndatabase\n`);
      await running.settled();
    },
  );
});

describe('another database', { skip: debianMissing }, () => {
  it('looks through the console by postgres_fdw, as the example has it, and by dblink', async () => {
    const running = await loaded();
    const admin = await connectAs(server!);
    await admin.query("create role looker login superuser password 'x'");
    await admin.query('create database metrics');
    await admin.end();
    const env = libpqEnvironment(server!, { PGDATABASE: 'metrics' });
    const program = debianProgram('psql');
    const variables = ['host=127.0.0.1', `port=${running.port}`, 'user=looker', 'password=x'].flatMap(
      (one) => ['-v', one],
    );
    await succeed(program, ['-X', '-q', ...variables, '-f', EXAMPLE], { env });
    const foreign = `select calls from netflow.netflow_statements where query like '%shown%'`;
    assert.equal(await succeed(program, ['-XAtc', foreign], { env }), '23\n');
    const joined = `select count(*) from netflow.netflow_totals t join netflow.netflow_activity a using (usename)`;
    assert.match(await succeed(program, ['-XAtc', joined], { env }), /^\d+\n$/);
    const linked = `create extension dblink; select * from dblink('host=127.0.0.1 port=${running.port} user=looker password=x
      dbname=pgnetflow', $$${CALLS}$$) as t(calls bigint)`;
    const { stdout, stderr } = await run(program, ['-XAtqc', linked], { env });
    assert.equal(stdout, '23\n', stderr);
  });
});
