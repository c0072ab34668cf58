import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';

/** Waits for the word to go, so that there is no moment at which the tool runs unguarded; then becomes the tool. */
const startScript = 'read -r go && exec "$@" </dev/null';

/**
 * Ends the tool when we are gone: the kernel closes the pipe however we end, SIGKILL included. Signals meant for us
 * must not end the guard early.
 */
const guardScript = `trap '' HUP INT TERM PIPE
read -r tool && while read -r line; do :; done
[ -n "$tool" ] && kill -TERM "$tool" || exit
waited=0
while [ $((waited += 1)) -le 30 ]; do sleep 1; kill -0 "$tool" || exit; done
kill -s KILL -- "-$tool"`;

const KILL_AFTER_MS = 30_000;

/** A running tool that ends with this process, however this process ends. */
export class GuardedTool {
  readonly stdout: ChildProcessWithoutNullStreams['stdout'];
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #closed: Promise<unknown>;
  #stderr = '';

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    this.stdout = child.stdout;
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      // The beginning says what was wrong, the end what became of it.
      this.#stderr = (this.#stderr + text).slice(-8192);
    });
    this.#closed = once(child, 'close');
  }

  /** It has a session of its own: a Ctrl-C at the terminal is for us, and we end it. */
  static async start(
    program: string,
    args: readonly string[],
    environment: NodeJS.ProcessEnv = {},
  ): Promise<GuardedTool> {
    const child = spawn('/bin/sh', ['-c', startScript, 'pgnetflow-tool', program, ...args], {
      detached: true,
      stdio: 'pipe',
      env: { ...process.env, ...environment },
    });
    await once(child, 'spawn');
    const guard = spawn('/bin/sh', ['-c', guardScript, 'pgnetflow-guard'], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    await once(guard, 'spawn');
    child.stdin.on('error', () => undefined);
    guard.stdin.on('error', () => undefined);
    child.once('exit', () => {
      // Its number may be another process's as soon as it has ended.
      guard.kill('SIGKILL');
      // Programs that it has started may still be at work, and hold its output open.
      signalGroup(child, 'SIGTERM');
    });
    guard.stdin.write(`${child.pid}\n`);
    child.stdin.end('go\n');
    return new GuardedTool(child);
  }

  /** What it has said on standard error, the last 8 KiB. */
  get stderr(): string {
    return this.#stderr;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Resolves when it has ended and all its output was read, with how it ended. */
  async ended(): Promise<string> {
    await this.#closed;
    const { exitCode, signalCode } = this.#child;
    return signalCode === null ? `ended with status ${exitCode}` : `was ended by ${signalCode}`;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Resolves when it has ended; what does not end by itself is killed, with all that it has started. */
  async stop(signal: NodeJS.Signals): Promise<void> {
    this.signal(signal);
    const kill = setTimeout(() => signalGroup(this.#child, 'SIGKILL'), KILL_AFTER_MS);
    await this.#closed;
    clearTimeout(kill);
  }
}

/** The child leads its process group. */
function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid!, signal);
  } catch {
    // None of it is left.
  }
}
