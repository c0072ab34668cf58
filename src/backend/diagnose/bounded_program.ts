import { type ChildProcess, spawn } from 'node:child_process';
import { type Fact, absent, known } from './fact.ts';

/** More is not read. */
const MAX_OUTPUT_BYTES = 1024 * 1024;

export interface Bounds {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | null;
}

/**
 * Runs a program in a process group of its own, so that a Ctrl-C meant for us does not reach it, and kills it when its
 * time is over.
 *
 * @param onKilled called once it has gone, when it was killed
 * @param isUseful whether what it has printed counts although it failed
 * @returns absent, with the reason, when it is not installed, fails, or is killed
 */
export function runBounded(
  program: string,
  args: readonly string[],
  bounds: Bounds,
  onKilled: () => void = () => undefined,
  isUseful: (stdout: string) => boolean = () => false,
): Promise<Fact<string>> {
  const { timeoutMs, signal } = bounds;
  if (signal?.aborted === true) return Promise.resolve(absent(`${program}: given up`));
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      env: { PATH: process.env['PATH'], LC_ALL: 'C' },
    });
    const output = { stdout: '', stderr: '' };
    let killed: string | null = null;
    const kill = (why: string): void => {
      killed ??= why;
      killGroup(child);
    };
    const timer = setTimeout(() => kill(`took longer than ${timeoutMs / 1000} s and was killed`), timeoutMs);
    const giveUp = (): void => kill('given up');
    signal?.addEventListener('abort', giveUp, { once: true });
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        if (output[name].length < MAX_OUTPUT_BYTES) output[name] += text;
      });
    }
    const settle = (fact: Fact<string>): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', giveUp);
      resolve(fact);
    };
    child.on('error', (error: NodeJS.ErrnoException) => {
      settle(absent(whyNotStarted(program, error)));
    });
    child.on('close', (status) => {
      if (killed !== null) {
        onKilled();
        settle(absent(`${program} ${killed}`));
      } else if (status === 0 || isUseful(output.stdout)) settle(known(output.stdout));
      else settle(absent(`${program}: ${reasonIn(output.stderr, program) ?? `ended with status ${status}`}`));
    });
  });
}

/** With whatever it has started. */
function killGroup({ pid }: ChildProcess): void {
  // Without one it was never begun.
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/** The first line, without the program's name before it. */
function reasonIn(text: string, program: string): string | null {
  const line = text.split('\n').find((one) => one.trim() !== '');
  if (line === undefined) return null;
  return line.startsWith(`${program}: `) ? line.slice(program.length + 2) : line.trim();
}

/** Where the path names a directory that this user may not look into, what is nowhere is EACCES as well (execvp(3)). */
function whyNotStarted(program: string, { code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') return `${program} is not installed`;
  if (code === 'EACCES') return `${program} is not installed, or this user may not run it`;
  return `${program}: ${message}`;
}
