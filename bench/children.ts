import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** How long a child may take to end after SIGTERM. */
const PATIENCE_MS = 5000;

/** A program that we started. */
export interface Child {
  readonly name: string;
  readonly process: ChildProcess;
  readonly pid: number;
  /** The last lines it printed. */
  lastWords(): string;
}

/** The programs that we started: all are stopped, by their pids, however the benchmark ends. */
export class Children {
  readonly #running = new Set<ChildProcess>();
  /** Takes what the programs print and write. */
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
    process.on('exit', () => {
      for (const child of this.#running) child.kill('SIGKILL');
    });
  }

  /**
   * Starts a program in the directory; what it prints goes to `<name>.log` there.
   *
   * @throws when it cannot be started
   */
  async start(
    name: string,
    program: string,
    args: readonly string[],
    options: SpawnOptions = {},
  ): Promise<Child> {
    const log = path.join(this.directory, `${name}.log`);
    const output = openSync(log, 'w');
    const child = spawn(program, args, {
      cwd: this.directory,
      stdio: ['ignore', output, output],
      ...options,
    });
    closeSync(output);
    await once(child, 'spawn');
    this.#running.add(child);
    child.once('exit', () => this.#running.delete(child));
    return {
      name,
      process: child,
      pid: child.pid!,
      lastWords: () => readFileSync(log, 'utf8').trimEnd().split('\n').slice(-10).join('\n'),
    };
  }

  /**
   * Runs a program to its end in the directory.
   *
   * @param environment what it finds besides our own
   * @returns what it printed
   * @throws when it fails or takes longer than `timeoutMs`, with what it printed
   */
  async run(
    program: string,
    args: readonly string[],
    timeoutMs: number,
    environment: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const child = spawn(program, args, {
      cwd: this.directory,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    });
    this.#running.add(child);
    let printed = '';
    const keep = (text: string): void => {
      printed += text;
    };
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    try {
      await once(child, 'close');
    } finally {
      clearTimeout(timer);
      this.#running.delete(child);
    }
    if (child.exitCode === 0) return printed;
    const how = child.exitCode === null ? `ended by ${child.signalCode}` : `failed (${child.exitCode})`;
    throw new Error(`${path.basename(program)} ${how}: ${printed.trim()}`);
  }

  /** Ends all of them and waits for it. */
  async stopAll(): Promise<void> {
    await Promise.all([...this.#running].map(stop));
  }
}

async function stop(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  await ended;
  clearTimeout(timer);
}
