// The command `pgnetflow probe` as a test's child, and what its records add up to.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { thisMachine } from '../../src/kernel/probe/machine.ts';
import type { Method } from '../../src/kernel/probe/record.ts';
import { chooseMethod } from '../../src/kernel/probe/start.ts';
import { Command } from './command.ts';

/** The reason to skip a test that needs a method, or false. */
export function methodMissing(method: Method): string | false {
  try {
    chooseMethod(method, thisMachine());
    return false;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** One line of output; which fields there are depends on its type. */
export interface Line {
  readonly type: string;
  readonly sock: string;
  readonly pid: number;
  readonly comm: string;
  readonly method: string;
  readonly local: string;
  readonly remote: string;
  readonly dir: 'send' | 'recv';
  readonly from: number;
  readonly bytes: number;
  readonly ops: number;
  readonly sent?: number;
  readonly received?: number;
  readonly token: number;
  readonly reason: string;
  readonly lost: number;
  readonly tcp?: Readonly<Record<string, number>>;
}

export function linesOf(output: string): Line[] {
  const lines = output.split('\n');
  assert.equal(lines.pop(), '', 'the output ends with a whole line');
  return lines.map((line) => JSON.parse(line));
}

/** Resolves when the probes are attached. */
export async function startProbe(...args: string[]): Promise<Command> {
  const command = new Command(['probe', ...args]);
  after(() => {
    if (command.process.exitCode === null) command.kill('SIGKILL');
  });
  await command.until('stderr', /Tracing/);
  return command;
}

/** Ends it as Ctrl-C would. @returns all its records, which lost nothing */
export async function stopProbe(command: Command): Promise<Line[]> {
  command.kill('SIGINT');
  const { status, stdout, stderr } = await command.finished();
  assert.equal(status, 0, stderr);
  const lines = linesOf(stdout);
  assert.equal(lines[0]?.type, 'attach');
  const last = lines.at(-1);
  assert.deepEqual([last?.type, last?.reason, last?.lost], ['detach', 'signal', 0], stdout.slice(-1000));
  return lines;
}

/** What an application did with a socket, in one direction. */
export interface Moved {
  bytes: number;
  ops: number;
}

export interface SocketSum {
  readonly open: Line;
  readonly close: Line | null;
  readonly send: Moved;
  readonly recv: Moved;
  /** How often consecutive records had different directions. */
  readonly changes: number;
}

/** Adds up the runs of each socket, and proves that each begins where the one before it ended. */
export function sumsOf(lines: readonly Line[]): SocketSum[] {
  return lines
    .filter(({ type }) => type === 'open')
    .map((open) => {
      const own = lines.filter(({ sock }) => sock === open.sock);
      assert.equal(own[0], open, 'the open record comes first');
      const runs = own.filter(({ type }) => type === 'run');
      const sum = { send: { bytes: 0, ops: 0 }, recv: { bytes: 0, ops: 0 } };
      const base = { send: open.sent ?? 0, recv: open.received ?? 0 };
      let changes = 0;
      for (const [index, { dir, from, bytes, ops }] of runs.entries()) {
        assert.equal(
          from,
          base[dir] + sum[dir].bytes,
          `${open.local} ${dir}: begins where the last one ended`,
        );
        sum[dir].bytes += bytes;
        sum[dir].ops += ops;
        if (index > 0 && runs[index - 1]!.dir !== dir) changes += 1;
      }
      const close = own.find(({ type }) => type === 'close') ?? null;
      assert.ok(close === null || own.at(-1) === close, 'nothing comes after the close record');
      return { open, close, ...sum, changes };
    });
}
