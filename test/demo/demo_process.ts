// Runs `pgnetflow demo` as a process of its own: as an ordinary user without a home, its files in a directory of ours.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { after } from 'node:test';
import { serverIdentity } from '../../src/embedded/identity.ts';

const program = path.join(import.meta.dirname, '../../src/cli/main.js');

/** A run of the demo. */
export interface DemoProcess {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  /** What it has printed so far. */
  readonly output: { stdout: string; stderr: string };
  /** Resolves when standard output holds the text. Rejects when the demo ends before. */
  printed(text: string): Promise<void>;
  /** Resolves with the exit status, once all output is here. */
  ended(): Promise<number | NodeJS.Signals | null>;
}

export function startDemo(scratch: string, args: readonly string[]): DemoProcess {
  const child = spawn(process.execPath, [program, 'demo', ...args], {
    ...serverIdentity(),
    cwd: '/',
    // A PostgreSQL user's variables, which must not matter.
    env: {
      PATH: process.env['PATH'],
      TMPDIR: scratch,
      PGHOST: '192.0.2.1',
      PGOPTIONS: '-c default_transaction_read_only=on',
      PGSSLMODE: 'require',
      PGSSLNEGOTIATION: 'direct',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  after(() => child.kill('SIGKILL')); // when the test fails before the demo has ended
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  const closed = once(child, 'close');

  return {
    child,
    output,
    printed: async (text) => {
      let over = false;
      void closed.then(() => (over = true));
      while (!output.stdout.includes(text)) {
        if (over) throw new Error(`the demo ended before it printed "${text}":\n${JSON.stringify(output)}`);
        await Promise.race([once(child.stdout, 'data'), closed]);
      }
    },
    ended: async () => {
      await closed;
      return child.exitCode ?? child.signalCode;
    },
  };
}

/** Runs the demo to its end. */
export async function runDemo(
  scratch: string,
  args: readonly string[],
): Promise<{ status: number | NodeJS.Signals | null; stdout: string; stderr: string }> {
  const demo = startDemo(scratch, args);
  return { status: await demo.ended(), ...demo.output };
}
