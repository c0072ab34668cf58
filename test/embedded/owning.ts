// Starts test/embedded/owner.ts in a process of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { PostgresServer } from '../../src/embedded/postgres.ts';
import { after } from 'node:test';
import type { Identity } from '../../src/embedded/identity.ts';

export const ownerProgram = path.join(import.meta.dirname, 'owner.js');

export interface OwnerOptions {
  /** Where the server's directory shall be. */
  scratch: string;
  ending: 'wait' | 'exit' | 'throw' | 'idle';
  identity?: Identity;
  program?: string;
}

export function startOwner({
  scratch,
  ending,
  identity = {},
  program = ownerProgram,
}: OwnerOptions): ChildProcess {
  const owner = spawn(process.execPath, [program, ending], {
    ...identity,
    cwd: '/',
    env: { ...process.env, TMPDIR: scratch },
    // Its stack trace is expected when it throws; otherwise it explains a failure.
    stdio: ['ignore', 'pipe', ending === 'throw' ? 'ignore' : 'inherit'],
  });
  after(() => owner.kill('SIGKILL')); // when the test fails before it does so itself
  return owner;
}

/** The server that an owner has started. */
export async function serverOf(owner: ChildProcess): Promise<Omit<PostgresServer, 'log' | 'stop'>> {
  if (owner.stdout === null) throw new Error('an owner without output');
  for await (const line of createInterface({ input: owner.stdout })) return JSON.parse(line);
  throw new Error('the owner ended before its server was ready');
}
