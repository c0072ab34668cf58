// The end of a proxy that has an output which nobody reads any more.
import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import pg from 'pg';
import type { ReportRecord } from '../../src/report/model.ts';
import { END_LINE } from '../../src/report/text.ts';
import { Command, knock } from '../support/command.ts';
import { ScriptedHelper } from '../support/scripted_helper.ts';
import { embeddedServer } from '../support/servers.ts';
import { OnTerminal, terminalMissing } from '../support/terminal.ts';

const server = await embeddedServer();
const folder = mkdtempSync(path.join(tmpdir(), 'pgnetflow-'));
after(() => rmSync(folder, { recursive: true }));

const PROXY = ['proxy', '--upstream', `127.0.0.1:${server.port}`, '--listen', ':0'];
const STATEMENTS = 300;

/** Statements whose texts are more than a pipe holds. */
async function query(port: number): Promise<void> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: server.user, database: server.database });
  await client.connect();
  for (let seq = 0; seq < STATEMENTS; seq += 1) await client.query(`select ${seq} -- ${'x'.repeat(4000)}`);
  await client.end();
}

function reportIn(file: string): ReportRecord {
  return JSON.parse(readFileSync(file, 'utf8'));
}

function entriesLost(stderr: string, output: string): number {
  const line = new RegExp(
    `\npgnetflow: the ${output} took nothing for 3 seconds: up to (\\d+) entries are lost\n$`,
  );
  const [, lost] = line.exec(stderr) ?? assert.fail(stderr);
  return Number(lost);
}

describe('a proxy with an output that nobody reads any more', () => {
  it('writes its report to a file when standard output is stuck, and says what is lost', async () => {
    const file = path.join(folder, 'live.json');
    const command = new Command([...PROXY, '--live', '--report', 'json', '--report-file', file]);
    const port = await command.listening();
    command.process.stdout!.pause();
    await query(port);
    command.kill('SIGTERM');
    await command.ended();
    assert.equal(reportIn(file).sessions.length, 1);
    command.process.stdout!.resume();
    const { status, stdout, stderr } = await command.finished();
    assert.equal(status, 1);
    const blocks = stdout.match(/^query: select \d+ -- /gm)?.length ?? 0;
    const lost = entriesLost(stderr, 'live output');
    assert.ok(
      lost > 0 && blocks < STATEMENTS && blocks + lost >= STATEMENTS,
      `${blocks} printed, ${lost} lost`,
    );
  });

  it('writes its report to standard output when a statement log is stuck, and says what is lost', async () => {
    const fifo = path.join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const command = new Command([...PROXY, '--statement-log', fifo]);
      await query(await command.listening());
      command.kill('SIGTERM');
      const { status, stdout, stderr } = await command.finished();
      assert.equal(status, 1);
      assert.ok(stdout.startsWith(`${END_LINE}\n`), stdout);
      const taken = Buffer.alloc(1024 * 1024);
      const lines = taken.toString('utf8', 0, readSync(reader, taken)).split('\n').length - 1;
      const lost = entriesLost(stderr, 'statement log');
      assert.ok(
        lost > 0 && lines < STATEMENTS && lines + lost >= STATEMENTS,
        `${lines} logged, ${lost} lost`,
      );
    } finally {
      closeSync(reader);
    }
  });

  it('ends when that is a terminal', { skip: terminalMissing }, async () => {
    const file = path.join(folder, 'terminal.json');
    const args = [...PROXY, '--live', '--report', 'json', '--report-file', file];
    const proxy = await OnTerminal.start(args, path.join(folder, 'terminal.stderr'));
    await query(proxy.port);
    proxy.signal('SIGTERM');
    await proxy.ended();
    assert.equal(reportIn(file).sessions.length, 1);
    assert.ok(entriesLost(proxy.stderr, 'live output') > 0);
  });

  it('does not wait for a stuck output on a second signal, but has written its report', async () => {
    const file = path.join(folder, 'twice.json');
    const command = new Command([...PROXY, '--live', '--report', 'json', '--report-file', file]);
    const port = await command.listening();
    command.process.stdout!.pause();
    await query(port);
    command.kill('SIGINT');
    command.kill('SIGTERM');
    await command.ended();
    assert.equal(reportIn(file).sessions.length, 1);
    command.process.stdout!.resume();
    const { status, stderr } = await command.finished();
    assert.equal(status, 1);
    assert.match(stderr, /^pgnetflow listens [^\n]+\n$/);
  });
});

describe('a second signal', () => {
  it('does not lose the report of a proxy that waits for its kernel helper', async () => {
    const socket = path.join(folder, 'probe.sock');
    const file = path.join(folder, 'helper.json');
    const args = ['--probe-socket', socket, '--report', 'json', '--report-file', file];
    const command = new Command([...PROXY, ...args]);
    await knock(await command.listening());
    const helper = await ScriptedHelper.attach(socket);
    await command.until('stderr', /a kernel helper has connected/);
    // It never answers.
    command.kill('SIGINT');
    await helper.asked();
    assert.ok(!existsSync(file));
    command.kill('SIGINT');
    const { status } = await command.finished();
    assert.equal(status, 1);
    const report = reportIn(file);
    assert.equal(report.sessions.length, 1);
    assert.equal(report.sessions[0]!.kernel.verdict, 'unchecked');
  });
});
