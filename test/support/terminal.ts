// The built `pgnetflow` on a terminal of its own, made by script(1).
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after } from 'node:test';
import { until } from './until.ts';

const SCRIPT = '/usr/bin/script';
const MAIN = path.join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.js');

/** For tests with `{ skip: terminalMissing }`. */
export const terminalMissing =
  process.platform === 'linux' && existsSync(SCRIPT) ? false : 'no script(1) of util-linux here';

export class OnTerminal {
  readonly #terminal: ChildProcess;
  readonly #stderr: string;
  #pid = 0;

  private constructor(terminal: ChildProcess, stderr: string) {
    this.#terminal = terminal;
    this.#stderr = stderr;
  }

  /**
   * Starts a proxy, and resolves when it listens. What it prints is read by nobody.
   *
   * @param stderr a file
   */
  static async start(args: readonly string[], stderr: string): Promise<OnTerminal> {
    const words = [process.execPath, MAIN, ...args].map((word) => `'${word}'`).join(' ');
    const terminal = spawn(SCRIPT, ['-qefc', `exec ${words} 2>'${stderr}'`, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const started = new OnTerminal(terminal, stderr);
    after(() => started.#kill());
    await until(() => started.stderr.includes('pgnetflow listens on '), 'the proxy');
    const { pid } = terminal;
    started.#pid = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'));
    return started;
  }

  get stderr(): string {
    return existsSync(this.#stderr) ? readFileSync(this.#stderr, 'utf8') : '';
  }

  /** The port that it listens on. */
  get port(): number {
    return Number(/listens on \S+:(\d+) /.exec(this.stderr)?.[1]);
  }

  /** To the proxy. */
  signal(signal: NodeJS.Signals): void {
    process.kill(this.#pid, signal);
  }

  /** Takes the terminal away, as when a connection breaks. */
  hangUp(): void {
    this.#terminal.kill('SIGKILL');
  }

  async ended(): Promise<void> {
    await until(() => !this.#runs(), 'the end of the proxy');
  }

  /** One that has ended stays a zombie for as long as script(1) waits for somebody to read. */
  #runs(): boolean {
    const status = `/proc/${this.#pid}/status`;
    return existsSync(status) && !/^State:\tZ/m.test(readFileSync(status, 'utf8'));
  }

  #kill(): void {
    this.hangUp();
    if (this.#pid !== 0 && this.#runs()) this.signal('SIGKILL');
  }
}
