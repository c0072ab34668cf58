// pgnetflow diagnose, and the diagnosis that a proxy makes itself, as a user meets them.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import pg from 'pg';
import type { DiagnosisRecord } from '../../src/backend/diagnose/record.ts';
import type { ReportRecord } from '../../src/report/model.ts';
import { Backends, goOn, hangingDebugger } from '../backend/diagnose/stuck.ts';
import { Command, runCommand } from '../support/command.ts';
import { client } from '../support/messages.ts';
import { connectTo } from '../support/peers.ts';
import { temporaryDirectory } from '../support/programs.ts';
import { until } from '../support/until.ts';
import { embeddedServer } from '../support/servers.ts';

const notLinux = process.platform !== 'linux' && 'diagnose needs Linux';

const server = await embeddedServer();
const backends = await Backends.of(server);
const asked = {
  PGHOST: server.host,
  PGPORT: String(server.port),
  PGUSER: server.user,
  PGDATABASE: server.database,
};

describe('pgnetflow diagnose', { skip: notLinux }, () => {
  it('says in a few lines what a backend waits for, and what to do', async () => {
    const { waiting, holding } = await backends.locked();
    const { status, stdout, stderr } = await runCommand(
      ['diagnose', String(waiting), '--samples', '2'],
      asked,
    );
    assert.deepEqual([status, stderr], [0, '']);
    assert.match(stdout, /^verdict {5}waits_for_lock\n {12}It waits for a lock/);
    assert.match(stdout, new RegExp(`\\nblocked by {2}${holding}: idle in transaction, `));
    assert.match(stdout, /\nserver says active, Lock: transactionid, "update t set a = 29"\n/);
    for (const line of stdout.split('\n')) assert.ok(line.length < 80, line);
  });

  it('prints JSON for programs', async () => {
    const pid = await backends.sleeping();
    const { status, stdout } = await runCommand([
      'diagnose',
      String(pid),
      '--json',
      '--connect',
      backends.url,
    ]);
    assert.equal(status, 0);
    const found: DiagnosisRecord = JSON.parse(stdout);
    assert.deepEqual([found.schema, found.pid, found.verdict], ['pgnetflow.diagnosis/1', pid, 'sleeping']);
    assert.equal(found.facts!.samples.length, 5);
    assert.equal(found.facts!.activity!.query, 'select pg_sleep(600)');
  });

  it('leaves the stack out with --no-stack, and says so', async () => {
    const pid = await backends.idle();
    const { stdout } = await runCommand(['diagnose', String(pid), '--no-stack', '--samples', '1']);
    assert.match(stdout, /^verdict {5}idle\n/);
    assert.match(stdout, /user_stacks: not asked for\n/);
  });

  it('ends with 1 when there is nothing to look at, and says why', async () => {
    const { status, stdout, stderr } = await runCommand(['diagnose', String(process.pid)]);
    assert.equal(status, 1);
    assert.match(stdout, /^verdict {5}not_a_backend\n/);
    assert.match(stderr, /^pgnetflow: Process \d+ \(\S+\) is no PostgreSQL backend\.\n$/);
  });

  it('interrupted while a debugger holds the backend lets that go on, shows what it has, and ends with 1', async () => {
    const pid = await backends.idle();
    const folder = temporaryDirectory();
    const begun = path.join(folder, 'begun');
    hangingDebugger(folder, begun);
    const command = new Command(['diagnose', String(pid)], { PATH: folder });
    await until(() => existsSync(begun), 'the debugger to hold it');
    command.kill('SIGINT');
    const { status, stdout, stderr } = await command.finished();
    assert.equal(status, 1);
    assert.match(stdout, /^verdict {5}\w+\n/);
    assert.match(stdout, /user_stacks: eu-stack given up\n/);
    assert.match(stderr, /^pgnetflow: interrupted: /);
    await until(() => readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') S '), 'it to go on');
  });

  it('finds the backend of a session in the report of its proxy', async () => {
    const file = path.join(temporaryDirectory(), 'report.json');
    const command = new Command([
      'proxy',
      '--listen',
      ':0',
      '--upstream',
      `${server.host}:${server.port}`,
      '--report',
      'json',
      '--report-file',
      file,
    ]);
    const port = await command.listening();
    const alice = new pg.Client({ host: '127.0.0.1', port, user: server.user, database: server.database });
    await alice.connect();
    await alice.query('begin');
    command.kill('SIGUSR1');
    await until(() => existsSync(file), 'the report');
    const of = (id: number): string[] => ['diagnose', '--session', String(id), '--report', file];
    const found = await runCommand([...of(1), '--no-stack']);
    assert.equal(found.status, 0, found.stderr);
    assert.match(found.stdout, /^verdict {5}idle_in_transaction\n/);
    assert.ok(found.stdout.includes(`\nprocess     ${Reflect.get(alice, 'processID')} `));
    const none = await runCommand(of(2));
    assert.deepEqual([none.status, /has no session 2; take a new report/.test(none.stderr)], [1, true]);

    // The pid of a session of yesterday is somebody else's by now.
    const report: ReportRecord = JSON.parse(readFileSync(file, 'utf8'));
    const yesterday = (at: string): string => new Date(Date.parse(at) - 86_400_000).toISOString();
    report.ended_at = yesterday(report.ended_at);
    report.sessions[0]!.started_at = yesterday(report.sessions[0]!.started_at);
    writeFileSync(file, JSON.stringify(report));
    const other = await runCommand(of(1));
    assert.equal(other.status, 1);
    assert.match(other.stdout, /^verdict {5}another\n/);

    await alice.end();
    await until(() => command.process.exitCode === null, 'it to run');
    command.kill('SIGTERM');
    await command.finished();
    const ended = await runCommand(of(1));
    assert.match(ended.stderr, /^pgnetflow: session 1 ended at /);
  });

  for (const [name, args, problem] of [
    ['nobody named', [], /no backend is named; give its PID, or --session ID --report FILE/],
    ['two backends', ['1', '--session', '1'], /both name a backend/],
    ['a session of nowhere', ['--session', '1'], /--session needs --report FILE/],
    ['no pid', ['postgres'], /PID: "postgres" is no whole number from 1 to 4194304/],
    ['two pids', ['1', '2'], /unexpected "2": diagnose takes PID and flags/],
    ['no samples', ['1', '--samples', '0'], /--samples: "0" is no whole number from 1 to 1000/],
    ['no URL', ['1', '--connect', 'secret@host'], /--connect: is no postgres:\/\/ URL\n$/],
    ['an unknown flag', ['1', '--sample', '3'], /unknown flag --sample; did you mean --samples\?/],
  ] as const) {
    it(`with ${name} is wrong usage`, async () => {
      const { status, stdout, stderr } = await runCommand(['diagnose', ...args]);
      assert.deepEqual([status, stdout], [2, '']);
      assert.match(stderr, problem);
      assert.doesNotMatch(stderr, /secret/);
    });
  }

  it('with a report that is none says so', async () => {
    const file = path.join(temporaryDirectory(), 'report');
    for (const [text, problem] of [
      ['session client', /it is not a JSON report of pgnetflow proxy: it is no JSON; have one written with /],
      ['{"schema": "something/1"}', /: its schema is "something\/1", not "pgnetflow\.report\/1"/],
      ['{"schema":"pgnetflow.probe/1"}', /: it is a recording of pgnetflow probe, and not a JSON report/],
      ['[]', /: it has no schema, not "pgnetflow\.report\/1"/],
      ['', /: it is empty; have one written/],
      [null, /: there is no such file; have one written with pgnetflow proxy --report json/],
    ] as const) {
      if (text === null) rmSync(file);
      else writeFileSync(file, text);
      const { status, stderr } = await runCommand(['diagnose', '--session', '1', '--report', file]);
      assert.equal(status, 1);
      assert.match(stderr, /^pgnetflow: [^\n]+\n$/);
      assert.match(stderr, problem);
    }
  });
});

describe('a cancel through the proxy of a backend that is stopped', { skip: notLinux }, () => {
  it('is diagnosed in the report, the text of it, and the log', async () => {
    const folder = temporaryDirectory();
    const file = path.join(folder, 'report.json');
    const common = [
      'proxy',
      '--listen',
      ':0',
      '--upstream',
      `${server.host}:${server.port}`,
      '--diagnose-after',
      '0.1',
    ];
    for (const format of ['json', 'text'] as const) {
      const command = new Command([...common, '--report', format, '--report-file', file]);
      const port = await command.listening();
      const alice = new pg.Client({ host: '127.0.0.1', port, user: server.user, database: server.database });
      alice.on('error', () => undefined);
      await alice.connect();
      const pid = Number(Reflect.get(alice, 'processID'));
      const sleep = alice.query('select pg_sleep(601)').catch(() => undefined);
      await backends.untilWaiting(pid, 'PgSleep');
      process.kill(pid, 'SIGSTOP');
      try {
        const key = Buffer.alloc(4);
        key.writeInt32BE(Number(Reflect.get(alice, 'secretKey')));
        const canceller = await connectTo({ host: '127.0.0.1', port });
        canceller.send(client.cancel(pid, key));
        await canceller.receiveAll();
        canceller.end();
        const log = await command.until(
          'stderr',
          /"verdict":"stopped".*goes on although it was to be cancelled.*\n/,
        );
        assert.match(log[0], /SIGINT was sent and waits until it goes on/);
      } finally {
        goOn(pid);
      }
      await sleep;
      await alice.end();
      command.kill('SIGTERM');
      assert.equal((await command.finished()).status, 0);
      const text = readFileSync(file, 'utf8');
      if (format === 'text') {
        assert.match(text, new RegExp(`\\n {8}backend ${pid}, stopped: It is stopped by a signal`));
        assert.match(text, new RegExp(`\\n {8}advice: Let it go on with kill -CONT ${pid}; `));
        assert.match(text, /\n {8}signals: pending INT; blocked URG/);
        continue;
      }
      const { cancels }: ReportRecord = JSON.parse(text);
      const [cancel] = cancels;
      assert.deepEqual(
        [cancel!.outcome, cancel!.diagnosis?.verdict, cancel!.diagnosis?.pid],
        ['cancelled', 'stopped', pid],
      );
      assert.ok(cancel!.diagnosis!.facts.some((fact) => fact.startsWith('samples: 5 × T')));
    }
  });
});
