// Programs of PostgreSQL and others, run as a test's children; those still running are killed when the test ends.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after } from 'node:test';

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Program {
  readonly child: ChildProcess;
  /** Standard output so far. */
  readonly output: () => string;
  readonly finished: Promise<Finished>;
}

/** Where a libpq program connects to: `host` may be the directory of a Unix-domain socket. */
export interface Target {
  readonly host: string;
  readonly port: number;
}

/** Environment of a libpq program: nothing of the caller's own settings. */
export function libpqEnvironment(target: Target, more: Record<string, string> = {}): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    HOME: '/nonexistent',
    LC_ALL: 'C.UTF-8',
    PGHOST: target.host,
    PGPORT: String(target.port),
    PGUSER: 'postgres',
    PGDATABASE: 'postgres',
    PGCONNECT_TIMEOUT: '10',
    ...more,
  };
}

export function start(
  program: string,
  args: readonly string[],
  options: { env: NodeJS.ProcessEnv; cwd?: string },
): Program {
  const child = spawn(program, args, { ...options, stdio: 'pipe' });
  after(() => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  // A program may end without having read all of its input.
  child.stdin.on('error', () => undefined);
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
  return { child, output: () => stdout, finished };
}

/** Runs a program to its end. */
export async function run(
  program: string,
  args: readonly string[],
  options: { env: NodeJS.ProcessEnv; cwd?: string; input?: string },
): Promise<Finished> {
  const { input, ...rest } = options;
  const { child, finished } = start(program, args, rest);
  child.stdin?.end(input ?? '');
  return finished;
}

/** Runs a program that must succeed. @returns its standard output */
export async function succeed(...call: Parameters<typeof run>): Promise<string> {
  const { code, stdout, stderr } = await run(...call);
  assert.equal(code, 0, `${call[0]} ${call[1].join(' ')}: ${stderr}`);
  return stdout;
}

/** A directory that is removed when the test ends; its path is short enough for a socket in it. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'pgn-'));
  after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
