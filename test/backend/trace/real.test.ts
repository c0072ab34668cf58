// Real servers, traced by a real bpftrace.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import pg from 'pg';
import { Bpftrace, requireBpftrace } from '../../../src/backend/trace/bpftrace.ts';
import { findTarget } from '../../../src/backend/trace/cluster.ts';
import type { TraceRecord } from '../../../src/backend/trace/record.ts';
import type { SummaryRecord } from '../../../src/backend/trace/summary.ts';
import type { PostgresServer } from '../../../src/embedded/postgres.ts';
import { renderJson } from '../../../src/report/json.ts';
import { bpftraceMissing } from '../../support/bpftrace.ts';
import { Command } from '../../support/command.ts';
import { type Program, start, temporaryDirectory } from '../../support/programs.ts';
import { proxyBefore, type RunningProxy } from '../../support/running_proxy.ts';
import { debianMissing, debianServer, embeddedServer } from '../../support/servers.ts';
import { until } from '../../support/until.ts';

const SETTINGS = { fsync: 'on', autovacuum: 'off' };
const straceMissing = spawnSync('strace', ['--version']).error !== undefined && 'strace is not installed';

interface Traced {
  readonly records: readonly TraceRecord[];
  readonly summary: SummaryRecord;
}

/** Starts `pgnetflow trace fsync --json` and resolves when all probes are attached. */
async function startTrace(...args: string[]): Promise<Command> {
  const command = new Command(['trace', 'fsync', '--json', ...args]);
  after(() => command.process.exitCode ?? command.kill('SIGKILL'));
  await command.until('stderr', /Tracing… Ctrl-C to end\.\n/);
  return command;
}

async function finished(command: Command): Promise<Traced> {
  const { status, stdout, stderr } = await command.finished();
  assert.equal(status, 0, stderr);
  const lines: (TraceRecord | SummaryRecord)[] = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const summary = lines.pop();
  assert.ok(summary?.type === 'summary');
  assert.equal(summary.lost, 0, 'events lost');
  return { records: lines.filter((record) => record.type !== 'summary'), summary };
}

async function connect({ port }: { readonly port: number }): Promise<pg.Client> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' });
  await client.connect();
  return client;
}

async function pidOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]!.pid;
}

const urlOf = ({ port }: PostgresServer): string => `postgres://postgres@127.0.0.1:${port}/postgres`;

function writeReport(proxy: RunningProxy): string {
  const file = path.join(temporaryDirectory(), 'report.json');
  writeFileSync(file, [...renderJson(proxy.proxy.report())].join(''));
  return file;
}

/** Resolves when strace has attached to a process; its log has a line per fsync and fdatasync. */
async function strace(pid: number): Promise<{ readonly log: string; readonly program: Program }> {
  const log = path.join(temporaryDirectory(), 'strace');
  const args = ['-p', String(pid), '-e', 'trace=fsync,fdatasync', '-o', log];
  const program = start('strace', args, { env: process.env });
  let said = '';
  program.child.stderr!.on('data', (text: string) => (said += text));
  await until(() => said.includes('attached'), 'strace to attach');
  return { log, program };
}

/** Started for the whole file; null where it cannot be. */
const servers: [name: string, server: PostgresServer | null, skip: string | false][] = [
  [
    'PostgreSQL 18',
    bpftraceMissing === false ? await embeddedServer({ settings: SETTINGS }) : null,
    bpftraceMissing,
  ],
  [
    "Debian's PostgreSQL",
    bpftraceMissing === false && debianMissing === false ? await debianServer({ settings: SETTINGS }) : null,
    bpftraceMissing || debianMissing,
  ],
];

for (const [name, started, skip] of servers) {
  describe(`trace fsync, ${name}`, { skip, timeout: 120_000 }, () => {
    const server = started!;
    it(
      'books the fsyncs of a session to its statements, as many as strace sees',
      { skip: straceMissing },
      async () => {
        const proxy = await proxyBefore(server);
        const client = await connect(proxy);
        const pid = await pidOf(client);
        const report = writeReport(proxy);
        const { log, program } = await strace(pid);
        const trace = await startTrace('--session', '1', '--report', report);

        await client.query('create database copied strategy file_copy');
        await client.query('create table noted (i int)');
        writeFileSync(report, [...renderJson(proxy.proxy.report())].join(''));
        // The end of its backend ends the trace.
        await client.end();
        const { summary } = await finished(trace);
        await program.finished;

        const seen = readFileSync(log, 'utf8').match(/^(?:\d+ +)?f(?:data)?sync\(/gm) ?? [];
        const [first] = summary.statements;
        assert.equal(first?.query, 'create database copied strategy file_copy');
        assert.deepEqual([first.who, first.pid, first.session, first.seq], ['client backend', pid, 1, 2]);
        assert.ok(first.fsyncs > 100, `${first.fsyncs} fsyncs of a copied database`);
        assert.ok(first.opens > first.fsyncs, 'each file was read, written and synced');
        assert.equal(summary.totals.fsyncs, seen.length);
        const table = summary.statements.find(({ query }) => query === 'create table noted (i int)');
        assert.deepEqual([table?.session, table?.seq, table?.fsyncs, table?.wal_fsyncs], [1, 3, 1, 1]);
      },
    );

    it('sees one page of the commit log written per 32768 transactions, and who wrote it', async () => {
      const trace = await startTrace('--all', '--pid', String(server.pid), '--connect', urlOf(server));
      const client = await connect(server);
      const loop = 'for i in 1..100000 loop perform txid_current(); commit; end loop';
      await client.query(`do $$ begin ${loop}; end $$`);
      await client.query('checkpoint');
      await client.end();
      trace.kill('SIGINT');
      const { summary } = await finished(trace);

      const { clog } = summary;
      assert.ok(clog.ids !== null && clog.ids >= 100_000, `${clog.ids} ids`);
      assert.ok(Math.abs(clog.different_pages - clog.ids / 32_768) <= 1, JSON.stringify(clog));
      assert.equal(clog.verdict, 'agrees');
      assert.equal(clog.new_pages, 3);
      const pages = summary.slru.find(({ slru }) => slru === 'pg_xact');
      assert.ok((pages?.by['checkpointer'] ?? 0) > 0, 'the checkpointer writes them');
      for (const { slru, verdict } of summary.slru) assert.match(verdict, /^(agrees|explained)$/, slru);
      if (server.version.startsWith('18')) assert.equal(summary.checkpointer?.verdict, 'agrees');
      const checkpointer = summary.by.find(({ who }) => who === 'checkpointer');
      assert.ok((checkpointer?.fsyncs ?? 0) > 0, 'and syncs them');
      const statement = summary.statements.find(({ query }) => query?.startsWith('do $$'));
      assert.equal(statement?.slru_new['pg_xact'], 3);
    });

    it('knows the fsyncs of WAL, and statements of the extended protocol', async () => {
      const client = await connect(server);
      const pid = await pidOf(client);
      const trace = await startTrace('--pid', String(pid));
      await client.query('create table if not exists many (t text)');
      const text = 'ä'.repeat(300);
      for (let at = 0; at < 23; at++) {
        await client.query(`insert into many values ($1) -- ${text}`, [String(at)]);
      }
      await client.end();
      const { summary, records } = await finished(trace);
      const inserted = summary.statements.find(({ query }) => query?.startsWith('insert into many'));
      // Parse, Bind and Execute report the same text, the last of them waits for the commit.
      assert.equal(inserted?.wal_fsyncs, 23);
      assert.match(inserted.query ?? '', /-- ä{80,}$/);
      for (const record of records) {
        // Null when the backend had ended before /proc was read.
        if (record.type === 'fdatasync') assert.match(record.path ?? 'pg_wal/', /^pg_wal\//);
      }
      assert.equal(records.find(({ type }) => type === 'attach')?.type, 'attach');
      assert.equal(records.at(-1)?.type, 'detach');
    });

    it('ends after the time that was given', async () => {
      const trace = await startTrace('--all', '--pid', String(server.pid), '--duration', '0.023');
      const { summary } = await finished(trace);
      assert.ok(summary.duration_us > 0);
    });

    it('does not take another server for the one that is traced', async () => {
      const other = await embeddedServer();
      const args = ['trace', 'fsync', '--all', '--pid', String(server.pid), '--connect', urlOf(other)];
      const { status, stderr } = await new Command(args).finished();
      assert.equal(status, 1);
      assert.match(stderr, /^pgnetflow: --connect names another server than the one that is traced/);
    });
  });
}

describe('what cannot be traced', { skip: bpftraceMissing }, () => {
  it('is said: a user who is not root', () => {
    process.seteuid!(65_534);
    try {
      assert.throws(requireBpftrace, { code: 'TRACE_NOT_ROOT' });
    } finally {
      process.seteuid!(0);
    }
  });

  it('is said: a machine without bpftrace', () => {
    const { PATH } = process.env;
    process.env['PATH'] = '/nowhere';
    try {
      assert.throws(requireBpftrace, { code: 'TRACE_NO_BPFTRACE', message: /install the package bpftrace/ });
    } finally {
      process.env['PATH'] = PATH;
    }
  });

  it('is said: a process that is none of PostgreSQL', () => {
    assert.throws(() => findTarget(process.pid, false), { code: 'TRACE_NOT_POSTGRES' });
    assert.throws(() => findTarget(4_194_304, false), { code: 'TRACE_NO_PROCESS' });
  });

  it('is said: a program without the functions', async () => {
    const other = start('sleep', ['1000'], { env: process.env });
    const pid = other.child.pid!;
    const told: string[] = [];
    const target = { pid, postmaster: pid, all: true, binary: '', dataDirectory: '', version: '15' };
    const bpftrace = await Bpftrace.start(target, (line) => told.push(line));
    await bpftrace.closed;
    assert.equal(bpftrace.problem().code, 'TRACE_NO_SYMBOL', bpftrace.problem().message);
    assert.deepEqual(told, []);
    other.child.kill();
  });
});

describe('a trace that is interrupted', { skip: bpftraceMissing }, () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`by ${signal} before it has attached says so, and did not fail`, async () => {
      const server = await embeddedServer();
      const folder = temporaryDirectory();
      const begun = path.join(folder, 'begun');
      // It never comes to its end with attaching, and ends like bpftrace.
      const script = `#!/bin/sh
[ "$1" = --version ] && { echo bpftrace v0.17.0; exit; }
trap 'exit 0' INT TERM
: > "${begun}"
while :; do sleep 0.01; done
`;
      writeFileSync(path.join(folder, 'bpftrace'), script, { mode: 0o755 });
      const PATH = `${folder}:${process.env['PATH']}`;
      const command = new Command(['trace', 'fsync', '--pid', String(server.pid)], { PATH });
      after(() => command.process.exitCode ?? command.kill('SIGKILL'));
      await until(() => existsSync(begun), 'the tracer');
      command.kill(signal);
      assert.deepEqual(await command.finished(), {
        status: 0,
        stdout: '',
        stderr: `pgnetflow: interrupted by ${signal} before it had attached: nothing was traced\n`,
      });
    });
  }
});
