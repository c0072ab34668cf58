import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { checkReport } from '../../src/report/read_report.ts';
import type { ReportRecord } from '../../src/report/model.ts';
import { Command, runCommand } from '../support/command.ts';
import { client as c, server as s } from '../support/messages.ts';
import { connectTo, type FakeServer, fakeServer } from '../support/peers.ts';
import { greeting, leave, type Pair } from '../support/proxies.ts';
import { ScriptedHelper } from '../support/scripted_helper.ts';

const timeout = 30_000;
const MAIN = path.join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.js');
const folder = mkdtempSync(path.join(tmpdir(), 'pgnetflow-'));
after(() => rmSync(folder, { recursive: true }));

const file = (name: string): string => path.join(folder, name);

/** Writes a file and names it. */
function written(name: string, text: string): string {
  writeFileSync(file(name), text);
  return file(name);
}

/** A report that a signal makes the proxy write. */
async function dumped(command: Command, to: string): Promise<ReportRecord> {
  rmSync(to, { force: true });
  command.kill('SIGUSR1');
  while (!existsSync(to)) await new Promise(setImmediate);
  return checkReport(JSON.parse(readFileSync(to, 'utf8')));
}

async function openSession(port: number, upstream: FakeServer): Promise<Pair> {
  const client = await connectTo({ host: '127.0.0.1', port });
  client.send(c.startup());
  const server = await upstream.accept();
  await server.receive(c.startup().length);
  server.send(greeting);
  await client.receive(greeting.length);
  client.send(c.query('select 1'));
  await server.receive(c.query('select 1').length);
  const answer = Buffer.concat([s.complete('SELECT 1'), s.ready()]);
  server.send(answer);
  await client.receive(answer.length);
  return { client, server };
}

describe('a proxy with a kernel helper', () => {
  const reportFile = file('report.json');
  let report: ReportRecord;
  let recording: string;

  before(
    async () => {
      const upstream = await fakeServer();
      assert.ok('port' in upstream.address);
      const command = new Command([
        'proxy',
        `--upstream=127.0.0.1:${upstream.address.port}`,
        '--listen=127.0.0.1:0',
        `--probe-socket=${file('probe.sock')}`,
        '--report=json',
        `--report-file=${reportFile}`,
        '--log-level=silent',
      ]);
      const port = await command.listening();
      const helper = await ScriptedHelper.attach(file('probe.sock'));
      const answers = async (): Promise<void> =>
        helper.write({ type: 'flushed', token: await helper.asked(), clock_us: 5 });
      const pair = await openSession(port, upstream);
      const [running] = await Promise.all([dumped(command, reportFile), answers()]);
      helper.tellSessions(running, 'open');
      leave(pair);
      await Promise.all([pair.client.receiveAll(), pair.server.receiveAll()]);
      command.kill('SIGTERM');
      await answers();
      helper.closeSessions(running);
      const { status, stderr } = await command.finished();
      assert.equal(status, 0, stderr);
      report = checkReport(JSON.parse(readFileSync(reportFile, 'utf8')));
      recording = `${helper.written}{"type":"detach","clock_us":60000000,"lost":0,"reason":"signal"}\n`;
    },
    { timeout },
  );

  it('reports what the kernel says', () => {
    assert.deepEqual(report.sessions[0]!.kernel.causes, []);
    assert.deepEqual(report.kernel?.sessions, { ok: 1, explained: 0, mismatch: 0, unchecked: 0 });
    assert.deepEqual(report.kernel?.coverage, { client: 100, server: 100, backend: 100 });
    assert.equal(report.sessions[0]!.statements[0]!.kernel?.backend?.S.operations, 1);
  });

  it('takes its socket along when it ends', () => {
    assert.ok(!existsSync(file('probe.sock')));
  });

  it('has a report that can be crosschecked offline', { timeout }, async () => {
    const { status, stdout, stderr } = await runCommand([
      'crosscheck',
      reportFile,
      written('good', recording),
    ]);
    assert.equal(stderr, '');
    assert.equal(status, 0);
    assert.match(stdout, /^session client +user@database kernel client-leg server-leg backend statements\n/);
    assert.match(stdout, /\n +1 127\.0\.0\.1:\d+ \S+ +ok +ok +ok +ok +1 ok\n/);
    assert.match(stdout, /\ncertificate of the kernel's count\n/);
    assert.match(stdout, /\n  sessions: 1 ok, 0 explained, 0 mismatch, 0 unchecked\n/);
  });

  it('is a mismatch, and a failure, when the recording is another', { timeout }, async () => {
    const other = recording.replace(
      /("type":"close","sock":"server 1".*?"sent":)(\d+)/,
      (_, head: string, sent: string) => `${head}${Number(sent) + 7}`,
    );
    const result = await runCommand(['crosscheck', reportFile, written('bad', other)]);
    assert.equal(result.status, 1);
    assert.equal(result.stderr, "pgnetflow: 1 of 1 sessions do not match the kernel's records\n");
    assert.match(
      result.stdout,
      /kernel MISMATCH: server out: the kernel's records leave out 7 bytes from offset \d+/,
    );
    assert.match(
      result.stdout,
      /kernel MISMATCH: server out: the kernel counts \d+ bytes, the report \d+: 7 more\n/,
    );
  });

  it('can be crosschecked as JSON, from standard input', () => {
    for (const [args, input] of [
      [['crosscheck', reportFile, '-', '--json'], recording],
      [['crosscheck', '-', file('good'), '--json'], readFileSync(reportFile)],
    ] as const) {
      const { status, stdout } = spawnSync(process.execPath, [MAIN, ...args], { input, encoding: 'utf8' });
      assert.equal(status, 0);
      const judged = checkReport(JSON.parse(stdout));
      assert.equal(judged.sessions[0]!.kernel.verdict, 'ok');
      assert.equal(judged.kernel?.helpers[0]?.state, 'detached');
    }
  });

  it('is good enough for --strict when all is compared', { timeout }, async () => {
    const { status, stderr } = await runCommand(['crosscheck', '--strict', reportFile, file('good')]);
    assert.deepEqual([status, stderr], [0, '']);
  });

  it('says that nothing could be compared, and fails then if it is to be strict', { timeout }, async () => {
    const elsewhere = recording.replaceAll('127.0.0.1:', '127.0.0.2:');
    const files = [reportFile, written('elsewhere', elsewhere)];
    const problem =
      "nothing could be compared: the recording has no socket of the report's 1 session; was the helper attached then?";
    const lax = await runCommand(['crosscheck', ...files]);
    assert.deepEqual([lax.status, lax.stderr], [0, `pgnetflow: ${problem}\n`]);
    assert.match(lax.stdout, /\n  sessions: 0 ok, 0 explained, 0 mismatch, 1 unchecked\n/);
    const strict = await runCommand(['crosscheck', '--strict', ...files]);
    assert.deepEqual([strict.status, strict.stderr], [1, `pgnetflow: --strict: ${problem}\n`]);
    assert.equal(strict.stdout, lax.stdout);
  });

  it('is not good enough for --strict when sessions were left out', { timeout }, async () => {
    const partly = { ...report, dropped: { ...report.dropped, sessions: 2 } };
    const files = [written('partly.json', JSON.stringify(partly)), file('good')];
    const strict = await runCommand(['crosscheck', '--strict', ...files]);
    const problem = '2 sessions were not kept in the report';
    assert.deepEqual([strict.status, strict.stderr], [1, `pgnetflow: --strict: ${problem}\n`]);
    assert.deepEqual((await runCommand(['crosscheck', ...files])).status, 0);
  });

  it('explains a recording whose helper died', { timeout }, async () => {
    const cut = written(
      'cut',
      recording.slice(0, recording.lastIndexOf('{"type":"close","sock":"backend 1"') + 20),
    );
    const { status, stdout } = await runCommand(['crosscheck', reportFile, cut]);
    assert.equal(status, 0);
    assert.match(stdout, /kernel explained: the recording does not end with a detach record/);
    assert.match(stdout, /lines damaged: 1,/);
  });
});

describe('pgnetflow crosscheck', () => {
  const attach = '{"type":"attach","schema":"pgnetflow.probe/1","at":"2026-11-21","clock_us":1}\n';
  const nobody = '{"schema":"pgnetflow.report/1","ended_at":"","dropped":{"sessions":0},"sessions":[]}';

  const wrong: [args: () => string[], status: number, problem: RegExp][] = [
    [() => [], 2, /no report is named; give it as pgnetflow crosscheck REPORT\.json PROBE\.ndjson/],
    [() => ['a'], 2, /no recording of pgnetflow probe is named/],
    [() => ['a', 'b', 'c'], 2, /unexpected "c": crosscheck takes REPORT\.json PROBE\.ndjson and flags/],
    // A switch takes no operand for its value.
    [() => ['--json', file('missing'), 'b'], 1, /missing: there is no such file/],
    [() => ['--json', '-', '-'], 2, /only one of REPORT\.json and PROBE\.ndjson can be standard input/],
    [() => ['--json', 'false', 'a'], 2, /no recording of pgnetflow probe is named/],
    [() => ['-', '-'], 2, /only one of REPORT\.json and PROBE\.ndjson can be standard input/],
    [() => ['a', 'b', '--jsn'], 2, /unknown flag --jsn; did you mean --json\?/],
    [
      () => [file('missing'), 'b'],
      1,
      /missing: there is no such file; have one written with pgnetflow proxy --report json --report-file FILE\n/,
    ],
    [
      () => [folder, 'b'],
      1,
      /: it is a directory; name the file in it that is a JSON report of pgnetflow proxy/,
    ],
    [
      () => [written('text', 'session  client'), 'b'],
      1,
      /text: it is not a JSON report of pgnetflow proxy: it is no JSON; have one written with/,
    ],
    [() => [written('empty', ''), 'b'], 1, /empty: it is empty; have one written with pgnetflow proxy/],
    [
      () => [written('cut', nobody.slice(0, -3)), 'b'],
      1,
      /cut: it is a JSON report of pgnetflow proxy that breaks off after \d+ characters; have it written anew/,
    ],
    [
      () => [written('recording', attach), written('nobody', nobody)],
      1,
      /recording: it is a recording of pgnetflow probe, and not a JSON report of pgnetflow proxy; the order is pgnetflow crosscheck REPORT\.json PROBE\.ndjson\n/,
    ],
    [
      () => [written('nobody', nobody), written('report', nobody)],
      1,
      /report: it is a JSON report of pgnetflow proxy, and not a recording of pgnetflow probe; the order is/,
    ],
    [
      () => [written('nobody', nobody), written('line', `${attach}${'x'.repeat(2_000_000)}`)],
      1,
      /line: it is not a recording of pgnetflow probe: line 2 has more than 1048576 characters/,
    ],
    [
      () => [written('nobody', nobody), folder],
      1,
      /: it is a directory; name the file in it that is a recording/,
    ],
    [
      () => [written('other', '{"schema":"x/1"}'), 'b'],
      1,
      /other: it is not a JSON report of pgnetflow proxy: its schema is "x\/1", not "pgnetflow\.report\/1"/,
    ],
    [
      () => [written('none', 'null'), 'b'],
      1,
      /none: it is not [^:]+: it has no schema, not "pgnetflow\.report\/1"; have one written/,
    ],
    [
      () => [written('old', nobody.replace('[]', '[{"id":1}]')), 'b'],
      1,
      /sessions\[0\] has no client\.address; was the report written by an older version/,
    ],
    [
      () => [written('nobody', nobody), file('missing')],
      1,
      /missing: there is no such file; have one written with pgnetflow probe > FILE\n/,
    ],
    [
      () => [written('nobody', nobody), written('csv', 'a,b\n1,2\n')],
      1,
      /csv: it is not a recording of pgnetflow probe: not one record in it tells of a socket; have one/,
    ],
    [
      () => [written('nobody', nobody), written('empty', '')],
      1,
      /empty: it is empty; have one written with pgnetflow probe > FILE\n/,
    ],
    [
      () => [
        written('nobody', nobody),
        written('new', '{"type":"attach","schema":"pgnetflow.probe/2","at":"2026-11-21","clock_us":1}\n'),
      ],
      1,
      /new: its schema is "pgnetflow\.probe\/2"; this version of pgnetflow reads pgnetflow\.probe\/1/,
    ],
  ];
  for (const [args, status, problem] of wrong) {
    it(`says in one line what is wrong: ${problem.source}`, { timeout }, async () => {
      const result = await runCommand(['crosscheck', ...args()]);
      assert.equal(result.status, status, result.stderr);
      assert.equal(result.stdout, '');
      assert.match(result.stderr, /^pgnetflow: [^\n]+\n$/);
      assert.match(result.stderr, problem);
    });
  }

  it('is done with a report of nobody', { timeout }, async () => {
    const { status, stdout, stderr } = await runCommand([
      'crosscheck',
      written('nobody', nobody),
      written('idle', attach),
    ]);
    assert.equal(status, 0);
    assert.match(stdout, /coverage, of bytes: client -, server -, backend -\n/);
    assert.equal(stderr, 'pgnetflow: nothing could be compared: the report has no session\n');
  });

  it('cannot be told to be strict and content with a report of nobody', { timeout }, async () => {
    const files = [written('nobody', nobody), written('idle', attach)];
    const { status, stderr } = await runCommand(['crosscheck', '--strict', ...files]);
    assert.equal(status, 1);
    assert.equal(stderr, 'pgnetflow: --strict: nothing could be compared: the report has no session\n');
  });

  it(
    'says who may not read a file',
    { timeout, skip: process.getuid?.() === 0 && 'root may read everything' },
    async () => {
      const secret = written('secret', nobody);
      chmodSync(secret, 0);
      const { status, stderr } = await runCommand(['crosscheck', secret, 'b']);
      assert.equal(status, 1);
      assert.match(stderr, /secret: this user may not read it; ask its owner, or run the command as root\n$/);
    },
  );
});
