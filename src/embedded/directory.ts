import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { type Guard, startGuard } from './guard.ts';
import { type Identity, serverEnvironment, serverIdentity } from './identity.ts';

/**
 * Runs its arguments as a program that the guard knows: the pid is told before the program starts, over a copy of our
 * own pipe, so the guard hears it even when we are killed at this very moment. Descriptor 3 stays open in the program
 * and in all its children.
 */
const guardedScript = 'echo $$ >&4 && exec "$@" 4>&-';

/**
 * A server's directory, with a guard (guard.ts): it and every program started in it are gone soon after this process
 * ends, in whatever way. Does not keep this process running.
 */
export class ServerDirectory {
  readonly path: string;
  readonly identity: Identity;
  readonly #guard: Guard;

  private constructor(identity: Identity, guard: Guard) {
    this.path = guard.directory;
    this.identity = identity;
    this.#guard = guard;
  }

  /** Makes a directory of mode 0700. Throws what startGuard throws. */
  static async create(): Promise<ServerDirectory> {
    const identity = serverIdentity();
    return new ServerDirectory(identity, await startGuard(identity));
  }

  /** Starts a program as the server's user; its output goes to the file `log` in the directory, written anew. */
  spawn(log: string, program: string, args: readonly string[]): ChildProcess {
    const { owner, everyone } = this.#guard;
    const output = openSync(path.join(this.path, log), 'w');
    const child = spawn('/bin/sh', ['-c', guardedScript, 'pgnetflow-guarded', program, ...args], {
      ...this.identity,
      cwd: this.path,
      env: serverEnvironment(),
      detached: true, // as the guard
      stdio: ['ignore', output, output, everyone, owner],
    });
    closeSync(output);
    // Its pid may soon be another's: take it back from the guard.
    child.once('exit', () => owner.write('\n'));
    return child;
  }

  /** Removes the directory as soon as all programs started in it have ended. */
  async remove(): Promise<void> {
    const { process: guard, owner, everyone } = this.#guard;
    guard.ref();
    const ended = guard.exitCode === null && guard.signalCode === null ? once(guard, 'exit') : undefined;
    owner.destroy();
    everyone.destroy();
    await ended;
    await rm(this.path, { recursive: true, force: true }); // for a guard that was killed
  }
}
