import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import type { PostgresServer } from '../../src/embedded/postgres.ts';
import type { SessionRecord } from '../../src/report/model.ts';
import {
  libpqEnvironment,
  run,
  start,
  succeed,
  type Target,
  temporaryDirectory,
} from '../support/programs.ts';
import { proxyBefore, type RunningProxy } from '../support/running_proxy.ts';
import { debianProgram, debianMissing, debianServer } from '../support/servers.ts';
import { until } from '../support/until.ts';

const server = debianMissing === false ? await debianServer() : null;
const program = debianProgram('psql');
/** The file of the Unix-domain socket for this port, in whatever directory. */
const SOCKET_PORT = 5433;

function theServer(): PostgresServer {
  assert.ok(server !== null);
  return server;
}

/** A proxy that listens on TCP and in a directory. */
async function proxyWithSocket(): Promise<RunningProxy & { readonly directory: string }> {
  const directory = temporaryDirectory();
  const socket = { path: path.join(directory, `.s.PGSQL.${SOCKET_PORT}`) };
  const running = await proxyBefore(theServer(), { listen: [{ host: '127.0.0.1', port: 0 }, socket] });
  return { ...running, directory };
}

/** What psql prints, with what differs from run to run left out. */
async function psql(
  target: Target,
  call: { args?: string[]; input?: string; encoding?: string },
  cwd: string,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const env = libpqEnvironment(
    target,
    call.encoding === undefined ? {} : { PGCLIENTENCODING: call.encoding },
  );
  const finished = await run(program, ['-X', '-a', ...(call.args ?? [])], {
    env,
    cwd,
    input: call.input ?? '',
  });
  // \watch prints the time, and each connection has a number of its own.
  const stable = (text: string): string =>
    text.replaceAll(/^.* \(every [\d.]+s\)$/gm, 'a moment (every so often)');
  return { ...finished, stdout: stable(finished.stdout) };
}

const SCRIPTS: Readonly<Record<string, { args?: string[]; input?: string; encoding?: string }>> = {
  'simple queries': {
    input: `select 1; select generate_series(1, 23); select 'é', null; \\gx\ntable pg_catalog.pg_am;\n`,
  },
  'several commands in one Query, and one that fails': {
    args: [
      '-c',
      'create temp table t (n int); insert into t values (1), (2); select * from t; select 1/0; select 3',
    ],
  },
  'commands joined with \\;': { input: "begin\\; select ';' \\; select 2\\; commit;\nselect 3;\n" },
  'errors of every kind': {
    input: `select 1/0;\nselekt;\nselect * from no_such_table;\nbegin; select 1/0; select 2; rollback;
do $$ begin raise notice 'hear'; raise warning 'warn'; raise exception 'fail' using detail = 'why'; end $$;
select 'still here';\n`,
  },
  '\\copy in both directions': {
    input: `create temp table t (n int, text text);\n\\copy t from 'in.tsv'\n\\copy t to 'out.tsv'
\\copy t to stdout\n\\copy (select count(*), sum(n) from t) to stdout csv header\ncopy t from stdin;\n7\tseven\n\\.
select count(*) from t;\n\\copy t from 'broken.tsv'\nselect count(*) from t;\n`,
  },
  '\\gexec, \\gset, \\gdesc and variables': {
    input: `select format('select %s as n', n) from generate_series(1, 7) n \\gexec
select 23 as n \\gset\nselect :n, :'n';\nselect 1 as one, 'x'::text as two \\gdesc\n`,
  },
  'large objects': {
    args: ['-q'],
    input: `\\lo_import 'in.tsv' 'a comment'\n\\set oid :LASTOID\n\\lo_export :oid 'lo.tsv'
select length(lo_get(:oid));\n\\lo_unlink :oid\n\\lo_export 1 'none'\n`,
  },
  '\\watch until an error': {
    input: `create temp sequence s;\nselect 6 / (4 - nextval('s')) \\watch 0.01\nselect 'on';\n`,
  },
  'FETCH_COUNT, which reads through a cursor': {
    args: ['-v', 'FETCH_COUNT=97'],
    input: 'select n, n * n from generate_series(1, 997) n;\n',
  },
  '\\d and other looks into the catalogue': { input: '\\d pg_am\n\\df lower\n\\du\n\\dn\n\\encoding\n' },
  '\\connect, which opens a second session': { input: 'select 1;\n\\connect template1\nselect 2;\n' },
  'a list of databases (-l)': { args: ['-l'] },
  'a client_encoding that is not UTF-8': { encoding: 'LATIN1', input: "select length('\u00c3\u00a9');\n" },
  'a large row': { input: "select repeat('x', 1000003);\n" },
  'LISTEN and NOTIFY': { input: 'listen news;\nselect 1;\n' },
  'a database that does not exist': { args: ['-d', 'no_such_database', '-c', 'select 1'] },
};

function inDirectory(): string {
  const directory = temporaryDirectory();
  const rows = Array.from({ length: 9973 }, (_, row) => `${row}\ttext of ${row}\n`);
  writeFileSync(path.join(directory, 'in.tsv'), rows.join(''));
  writeFileSync(
    path.join(directory, 'broken.tsv'),
    [...rows.slice(0, 5003), 'no number\n', ...rows].join(''),
  );
  return directory;
}

describe('psql', { skip: debianMissing }, () => {
  for (const [name, script] of Object.entries(SCRIPTS)) {
    it(`prints the same through the proxy as without it: ${name}`, async () => {
      const running = await proxyWithSocket();
      const targets: Target[] = [theServer(), running, { host: running.directory, port: SOCKET_PORT }];
      const [direct, ...proxied] = await Promise.all(
        targets.map(async (target) => {
          const cwd = inDirectory();
          const printed = await psql(target, script, cwd);
          const files = ['out.tsv', 'lo.tsv']
            .map((file) => path.join(cwd, file))
            .map((file) => (existsSync(file) ? readFileSync(file, 'utf8') : null));
          return { printed, files };
        }),
      );
      assert.ok(direct !== undefined && direct.printed.stdout + direct.printed.stderr !== '');
      const names = (text: string): string =>
        text.replaceAll(/connection to server (?:on socket|at) .* failed/g, 'connection failed');
      for (const { printed, files } of proxied) {
        assert.equal(printed.stdout, direct.printed.stdout);
        assert.equal(names(printed.stderr), names(direct.printed.stderr));
        assert.equal(printed.code, direct.printed.code);
        assert.deepEqual(files, direct.files);
      }
      const report = await running.settled();
      // A session that came over the socket has no port.
      const [unix, tcp] = [true, false].map((overSocket) =>
        report.sessions
          .filter((session) => (session.client.port === 0) === overSocket)
          .toSorted((one, other) => one.id - other.id)
          .map(outcomes),
      );
      assert.ok(unix !== undefined && unix.length > 0);
      assert.deepEqual(tcp, unix);
    });
  }

  it('cancels a statement with Ctrl-C, and a later one of the same session is unharmed', async () => {
    const running = await proxyWithSocket();
    const command = `${program} -X -n -P pager=off`;
    // psql goes on after Ctrl-C only when it talks to a terminal.
    const terminal = start('script', ['-qec', command, '/dev/null'], { env: libpqEnvironment(running) });
    const session = (): SessionRecord | undefined => running.proxy.report().sessions[0];
    for (let seq = 1; seq <= 5; seq += 2) {
      terminal.child.stdin?.write('select pg_sleep(61);\n');
      await until(() => session()?.statements.at(-1)?.seq === seq, 'the statement');
      await until(async () => isSleeping(session()!.backend_pid), 'the server to run it');
      terminal.child.stdin?.write('\x03');
      await until(() => session()?.statements.at(-1)?.outcome === 'cancelled', 'its cancellation');
      terminal.child.stdin?.write(`select 'unharmed ' || ${seq} * 1009;\n`);
      await until(() => terminal.output().includes(`unharmed ${seq * 1009}`), 'the next statement');
    }
    terminal.child.stdin?.write('\\q\n');
    await terminal.finished;
    const report = await running.settled();
    assert.deepEqual(
      report.sessions[0]?.statements.map(({ seq, outcome, sqlstate }) => [seq, outcome, sqlstate]),
      [1, 2, 3, 4, 5, 6].map((seq) => (seq % 2 === 1 ? [seq, 'cancelled', '57014'] : [seq, 'ok', null])),
    );
    assert.deepEqual(
      report.cancels.map((cancel) => [cancel.session, cancel.statement, cancel.outcome, cancel.error]),
      [1, 3, 5].map((statement) => [report.sessions[0]?.id, statement, 'cancelled', null]),
    );
    for (const { statement, delivered_at, effect_us, bytes_after } of report.cancels) {
      assert.ok(delivered_at !== null && effect_us !== null && effect_us > 0);
      // The pg_sleep() had sent nothing before.
      assert.equal(bytes_after, report.sessions[0]?.statements.find(({ seq }) => seq === statement)?.S.bytes);
    }
  });

  it('cancels on SIGINT when it runs a script, over a Unix-domain socket', async () => {
    const running = await proxyWithSocket();
    const env = libpqEnvironment({ host: running.directory, port: SOCKET_PORT });
    const { child, finished } = start(program, ['-X', '-c', 'select pg_sleep(61)'], { env });
    const session = (): SessionRecord | undefined => running.proxy.report().sessions[0];
    await until(() => session()?.statement_count === 1, 'the statement');
    await until(async () => isSleeping(session()!.backend_pid), 'the server to run it');
    child.kill('SIGINT');
    const { stderr } = await finished;
    assert.match(stderr, /canceling statement due to user request/);
    const report = await running.settled();
    assert.equal(report.sessions[0]?.statements[0]?.outcome, 'cancelled');
    assert.deepEqual(report.sessions[0]?.client, {
      address: path.join(running.directory, `.s.PGSQL.${SOCKET_PORT}`),
      port: 0,
    });
    assert.equal(report.cancels.length, 1);
  });

  it('whose backend is terminated amid its COPY says so, and what nobody got is no traffic', async () => {
    const running = await proxyBefore(theServer());
    const { child, finished } = start(
      program,
      ['-X', '-c', 'create temp table t (text text)', '-c', 'copy t from stdin'],
      { env: libpqEnvironment(running) },
    );
    const session = (): SessionRecord => running.proxy.report().sessions[0]!;
    const copied = (): number => session().statements[1]?.R.bytes ?? 0;
    const rows = `${'x'.repeat(997)}\n`.repeat(1009);
    // It goes on for as long as somebody takes it.
    const feed = (): void => {
      if (child.exitCode === null) child.stdin?.write(rows, () => setImmediate(feed));
    };
    await until(() => running.proxy.openSessions > 0 && session().statement_count === 2, 'the COPY');
    child.stdin?.on('error', () => undefined);
    feed();
    await until(() => copied() > 1_000_000, 'a megabyte of it');
    const pid = session().backend_pid;
    const env = libpqEnvironment(theServer());
    await succeed(program, ['-XAtc', `select pg_terminate_backend(${pid})`], { env });
    const { stderr } = await finished;
    assert.match(stderr, /terminating connection due to administrator command/);
    const report = await running.settled();
    const ended = report.sessions[0]!;
    assert.deepEqual([ended.statements[1]?.outcome, ended.statements[1]?.sqlstate], ['error', '57P01']);
    const { client, server: upstream } = ended.wire;
    // What the server's kernel took, and little more; the rest of what was read is no traffic.
    assert.equal(ended.R.bytes, upstream.bytes_out + ended.undelivered.R);
    assert.ok(ended.undelivered.R <= 64 * 1024, `${ended.undelivered.R} bytes undelivered`);
    assert.ok(client.own_in <= 512 * 1024, `${client.own_in} bytes read behind the server's end`);
  });

  it('killed in the middle of a COPY, leaves an aborted statement and balanced books', async () => {
    const running = await proxyWithSocket();
    const { child } = start(
      program,
      ['-X', '-c', 'create temp table t (text text)', '-c', 'copy t from stdin'],
      { env: libpqEnvironment(running) },
    );
    const copied = (): number => running.proxy.report().sessions[0]?.statements[1]?.R.bytes ?? 0;
    await until(() => copied() > 0, 'the COPY');
    child.stdin?.write(`${'x'.repeat(997)}\n`.repeat(2003));
    await until(() => copied() > 1_000_000, 'a megabyte of it');
    child.kill('SIGKILL');
    await once(child, 'close');
    const report = await running.settled();
    const [session] = report.sessions;
    assert.equal(session?.end_reason, 'aborted');
    // The server tells the closed connection that it missed the end of the data; we may hear that, or not.
    const { kind, outcome, sqlstate } = session.statements[1]!;
    assert.deepEqual(
      [kind, outcome, sqlstate],
      outcome === 'error' ? ['copy_in', 'error', '08006'] : ['copy_in', 'aborted', null],
    );
  });
});

async function isSleeping(pid: number | null): Promise<boolean> {
  const sql = `select count(*) from pg_stat_activity where pid = ${pid} and wait_event = 'PgSleep'`;
  const { stdout } = await run(program, ['-XAtc', sql], { env: libpqEnvironment(theServer()) });
  return stdout.trim() === '1';
}

function outcomes(session: SessionRecord): unknown {
  return session.statements.map(({ kind, query, outcome, sqlstate, tag, rows, completions }) => ({
    kind,
    // The numbers of large objects differ.
    query: query?.replaceAll(/\d{4,}/g, 'N'),
    outcome,
    sqlstate,
    tag,
    rows,
    completions,
  }));
}
