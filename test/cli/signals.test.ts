import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmdirSync,
  rmSync,
} from 'node:fs';
import { connect } from 'node:net';
import { constants as system, tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { END_LINE } from '../../src/report/text.ts';
import { Command, knock } from '../support/command.ts';
import { OnTerminal, terminalMissing } from '../support/terminal.ts';
import { until } from '../support/until.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'pgnetflow-'));
after(() => rmSync(folder, { recursive: true }));

/** Nobody listens there: every session is refused. */
const PROXY = ['proxy', '--upstream', '127.0.0.1:1', '--listen', '127.0.0.1:0', '--log-level', 'silent'];

async function started(...args: string[]): Promise<{ command: Command; port: number }> {
  const command = new Command([...PROXY, ...args]);
  return { command, port: await command.listening() };
}

describe('the proxy', () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`writes its report to standard output and ends well on ${signal}`, async () => {
      const { command, port } = await started();
      await knock(port);
      command.kill(signal);
      const { status, stdout, stderr } = await command.finished();
      assert.equal(status, 0);
      assert.ok(stdout.startsWith(`${END_LINE}\n-R-from:127.0.0.1:`), stdout);
      assert.match(stdout, /\nsessions: 1, unbalanced: 0\n/);
      assert.equal(stderr, `pgnetflow listens on 127.0.0.1:${port} and forwards to 127.0.0.1:1\n`);
    });
  }

  it('ignores SIGHUP when it has neither a file to reopen nor a terminal', async () => {
    const command = new Command(['proxy', '--upstream', '127.0.0.1:1', '--listen', ':0', '--report', 'none']);
    await command.listening();
    command.kill('SIGHUP');
    await command.until('stderr', /SIGHUP is ignored: there is no file to reopen/);
    command.kill('SIGTERM');
    assert.equal((await command.finished()).status, 0);
  });

  it('writes its report and ends when its terminal has gone', { skip: terminalMissing }, async () => {
    const file = path.join(folder, 'hangup.json');
    const args = [...PROXY, '--report', 'json', '--report-file', file];
    const proxy = await OnTerminal.start(args, path.join(folder, 'hangup.stderr'));
    await knock(proxy.port);
    proxy.hangUp();
    await proxy.ended();
    assert.equal(JSON.parse(readFileSync(file, 'utf8')).sessions.length, 1);
  });

  it('goes on with its trace in a new file on SIGHUP', async () => {
    const file = path.join(folder, 'trace');
    const { command, port } = await started('--trace', file, '--report', 'none');
    await knock(port);
    await until(() => readFileSync(file, 'utf8').includes('\t1\tF\t'), 'the first session');
    renameSync(file, `${file}.1`);
    command.kill('SIGHUP');
    await until(() => existsSync(file), 'the new file');
    await knock(port);
    await until(() => readFileSync(file, 'utf8').includes('\t2\tF\t'), 'the second session');
    command.kill('SIGTERM');
    assert.equal((await command.finished()).status, 0);
    assert.ok(!readFileSync(`${file}.1`, 'utf8').includes('\t2\tF\t'));
  });

  it('dumps on SIGUSR1 and goes on, to the file when there is one', async () => {
    const file = path.join(folder, 'dump.json');
    const { command, port } = await started('--report', 'json', '--report-file', file);
    assert.ok(!existsSync(file));
    for (const expected of [1, 2, 3]) {
      await knock(port);
      command.kill('SIGUSR1');
      // The file is replaced whole, so what is found in it is always a report.
      while (!existsSync(file) || JSON.parse(readFileSync(file, 'utf8')).sessions.length !== expected) {
        await new Promise(setImmediate);
      }
    }
    await knock(port);
    command.kill('SIGTERM');
    const { status, stdout, stderr } = await command.finished();
    assert.equal(status, 0);
    assert.equal(stdout, '');
    assert.equal(JSON.parse(readFileSync(file, 'utf8')).sessions.length, 4);
    assert.ok(!stderr.includes('Debugger'));
  });

  it(
    'takes SIGUSR1 from the first moment on: for a report, and not for Node’s debugger',
    { skip: process.platform === 'linux' ? false : 'no /proc here' },
    async () => {
      const args = ['proxy', '--upstream', '127.0.0.1:1', '--listen', ':0', '--report', 'csv'];
      // A debugger on a port of its own: any other may be taken.
      const command = new Command(args, { NODE_OPTIONS: '--inspect-port=0' });
      await until(() => catchesUsr1(command.process.pid!), 'Node to take SIGUSR1');
      while (!command.stderr.includes('pgnetflow listens on ')) {
        command.kill('SIGUSR1');
        // Not more at once: of some 4000 that have not been handled libuv loses the next, whatever that is.
        await setTimeout(2);
      }
      await command.until('stdout', /^session,.*\r\n/);
      for (const [, port] of command.stderr.matchAll(/Debugger listening on ws:\/\/127\.0\.0\.1:(\d+)\//g))
        await assert.rejects(once(connect(Number(port), '127.0.0.1'), 'connect'), { code: 'ECONNREFUSED' });
      command.kill('SIGTERM');
      assert.equal((await command.finished()).status, 0);
    },
  );

  it('leaves alone a debugger that was asked for', async () => {
    const args = ['proxy', '--upstream', '127.0.0.1:1', '--listen', ':0', '--report', 'none'];
    const command = new Command(args, { NODE_OPTIONS: '--inspect=127.0.0.1:0' });
    await command.listening();
    const [, port] = await command.until('stderr', /Debugger listening on ws:\/\/127\.0\.0\.1:(\d+)\//);
    const socket = connect(Number(port), '127.0.0.1');
    await once(socket, 'connect');
    socket.destroy();
    command.kill('SIGTERM');
    assert.equal((await command.finished()).status, 0);
  });

  it('dumps on SIGUSR1 to standard output when there is no file', async () => {
    const { command } = await started('--report', 'csv');
    command.kill('SIGUSR1');
    await command.until('stdout', /^session,.*\r\n/);
    command.kill('SIGTERM');
    const { stdout } = await command.finished();
    assert.equal(stdout.match(/^session,/gm)?.length, 2);
  });

  it('writes nothing for --report none', async () => {
    const { command } = await started('--report', 'none');
    command.kill('SIGTERM');
    const { status, stdout } = await command.finished();
    assert.deepEqual({ status, stdout }, { status: 0, stdout: '' });
  });

  it('does not lose a report that its file cannot take', async () => {
    const gone = path.join(folder, 'gone');
    mkdirSync(gone);
    const { command } = await started('--report-file', path.join(gone, 'report.txt'));
    rmdirSync(gone);
    command.kill('SIGTERM');
    const { status, stdout, stderr } = await command.finished();
    assert.equal(status, 1);
    assert.ok(stdout.startsWith(END_LINE));
    assert.match(
      stderr,
      /\npgnetflow: cannot write the report to \S+ \(there is no directory [^\n]*\); it went to standard output\n$/,
    );
  });

  for (const [what, file, problem] of [
    [
      'there is no directory',
      path.join(folder, 'none', 'report'),
      /there is no directory \S+none; make it, or /,
    ],
    ['it is a directory', folder, /it is a directory; name a file in it/],
    ['it is in a file', path.join(import.meta.filename, 'report'), /\S+ is no directory; name another file/],
  ] as const) {
    it(`does not start when its report could not be written, for ${what}`, async () => {
      const command = new Command([...PROXY, '--report-file', file]);
      const { status, stdout, stderr } = await command.finished();
      assert.deepEqual({ status, stdout }, { status: 1, stdout: '' });
      assert.match(stderr, /^pgnetflow: cannot write the report to [^\n]+\n$/);
      assert.match(stderr, problem);
    });
  }

  it('says in one line that nobody reads its report', async () => {
    const { command } = await started();
    command.process.stdout!.destroy();
    command.kill('SIGTERM');
    const { status, stderr } = await command.finished();
    assert.equal(status, 1);
    assert.match(
      stderr,
      /^pgnetflow listens [^\n]*\npgnetflow: cannot write the report to standard output \([^\n]*EPIPE[^\n]*\)\n$/,
    );
  });

  it('ends at once on a second signal, whatever holds up the report', async () => {
    const fifo = path.join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const { command, port } = await started('--report', 'json', '--report-file', fifo);
    for (let session = 0; session < 101; session += 1) await knock(port);
    // It opens the FIFO and reads one byte: the rest of the report fills the pipe, and waits.
    const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      command.kill('SIGTERM');
      const byte = Buffer.alloc(1);
      while (readOrNothing(reader, byte) === 0) await new Promise(setImmediate);
      command.kill('SIGTERM');
      assert.equal((await command.finished()).status, 1);
    } finally {
      closeSync(reader);
    }
  });
});

/** It would not end the process any more. */
function catchesUsr1(pid: number): boolean {
  const [, caught] = /^SigCgt:\t([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return (BigInt(`0x${caught}`) & (1n << BigInt(system.signals.SIGUSR1 - 1))) !== 0n;
}

/** 0 while nobody writes, or nothing has been written. */
function readOrNothing(fd: number, into: Buffer): number {
  try {
    return readSync(fd, into);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return 0;
    throw error;
  }
}
