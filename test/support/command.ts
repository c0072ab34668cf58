import { type ChildProcess, spawn } from 'node:child_process';
import { connect } from 'node:net';
import path from 'node:path';
import { once } from 'node:events';
import { client } from './messages.ts';

const MAIN = path.join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.js');

export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The built `pgnetflow`, as a user runs it. */
export class Command {
  readonly process: ChildProcess;
  stdout = '';
  stderr = '';
  readonly #changed = new EventTarget();
  readonly #ended: Promise<unknown>;
  readonly #closed: Promise<unknown>;
  #hasClosed = false;

  constructor(
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
    stdin: 'ignore' | 'pipe' = 'ignore',
    main = MAIN,
  ) {
    this.process = spawn(process.execPath, [main, ...args], {
      stdio: [stdin, 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], ...environment },
    });
    this.process.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.#changed.dispatchEvent(new Event('change'));
    });
    this.process.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#changed.dispatchEvent(new Event('change'));
    });
    this.#ended = once(this.process, 'exit');
    this.#closed = once(this.process, 'close');
    this.process.on('close', () => {
      this.#hasClosed = true;
      this.#changed.dispatchEvent(new Event('change'));
    });
  }

  /** Resolves when it has ended, even if its output is not read. */
  async ended(): Promise<void> {
    await this.#ended;
  }

  /** Resolves when it has ended and all its output was read. */
  async finished(): Promise<Finished> {
    await this.#closed;
    return { status: this.process.exitCode, stdout: this.stdout, stderr: this.stderr };
  }

  /** Resolves when `output` matches; rejects when the process ends before. */
  async until(output: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this[output]);
      if (found !== null) return found;
      if (this.#hasClosed) {
        throw new Error(`ended before ${output} matched ${pattern}:\n${this.stdout}\n${this.stderr}`);
      }
      await once(this.#changed, 'change');
    }
  }

  /** Resolves with the port that it listens on. */
  async listening(): Promise<number> {
    const [, port] = await this.until('stderr', /^pgnetflow listens on \S+:(\d+) and forwards to \S+\n/m);
    return Number(port);
  }

  kill(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }
}

export function runCommand(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  return new Command(args, environment).finished();
}

/** Asks to log in, and resolves when the proxy has closed the connection. */
export async function knock(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1', () => socket.write(client.startup()));
  socket.resume();
  socket.on('error', () => undefined);
  await once(socket, 'close');
}
