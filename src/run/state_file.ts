import { readFile, realpath, rename } from 'node:fs/promises';
import type { Logger } from 'pino';
import { readState, type State, StateError } from '../collector/state.ts';
import { findTarget, replaceFile } from '../export/replace_file.ts';
import { ListenError, listen, type Listener } from '../relay/listener.ts';
import { SteadyClock } from '../report/steady_clock.ts';
import { describeError } from './describe_error.ts';
import { unwritable } from './output_file.ts';

const EVERY_MS = 60_000;

/** The state cannot be kept where it should be. */
export class StateFileError extends Error {
  readonly code = 'PGNETFLOW_STATE_FILE';

  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'StateFileError';
  }
}

/**
 * The file in which cumulative figures outlive the process: read at the start, written every minute and at the end, whole or not at
 * all. One process has it at a time: a Unix-domain socket beside it, which is gone with its process however that ends, says so.
 */
export class StateFile {
  readonly #path: string;
  readonly #log: Logger;
  readonly #lock: Listener;
  /** What was in it; null: nothing. */
  readonly loaded: State | null;
  #timer: NodeJS.Timeout | null = null;
  #saving: Promise<void> = Promise.resolve();

  /**
   * Takes the file, and reads it. What cannot be read is set aside under another name.
   *
   * @throws {StateFileError} when another process has it, or it may not be read, or cannot be set aside
   */
  static async open(path: string, log: Logger): Promise<StateFile> {
    const lock = await takeLock(path);
    try {
      return new StateFile(path, log, lock, await load(path, log));
    } catch (error) {
      lock.close();
      throw error;
    }
  }

  private constructor(path: string, log: Logger, lock: Listener, loaded: State | null) {
    this.#path = path;
    this.#log = log;
    this.#lock = lock;
    this.loaded = loaded;
  }

  /**
   * Saves now, and every minute from here on. A save that fails later is logged, and tried again with the next.
   *
   * @param text makes what is written
   * @throws {StateFileError} when it cannot be written
   */
  async saveRegularly(text: () => Promise<string>): Promise<void> {
    await this.save(text);
    this.#timer = setInterval(() => {
      this.save(text).catch((error: unknown) => this.#log.error(describeError(error)));
    }, EVERY_MS);
    this.#timer.unref();
  }

  /** @throws {StateFileError} when it cannot be written; the file is then as it was */
  save(text: () => Promise<string>): Promise<void> {
    this.#saving = this.#replace(this.#saving, text);
    return this.#saving;
  }

  /** One at a time, and in order. */
  async #replace(before: Promise<void>, text: () => Promise<string>): Promise<void> {
    await before.catch(() => undefined);
    try {
      await replaceFile(this.#path, [await text()]);
    } catch (error) {
      const why = unwritable(this.#path, error);
      throw new StateFileError(`cannot write the state to ${this.#path}: ${why}`, error);
    }
  }

  /** Saves no more by itself. */
  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** Another process may have it. */
  release(): void {
    this.stop();
    this.#lock.close();
  }
}

async function takeLock(path: string): Promise<Listener> {
  try {
    const { path: target, isReplaced } = await findTarget(path);
    if (!isReplaced) throw new Error('it is no regular file');
    return await listen({ path: `${target}.lock` }, (socket) => socket.destroy(), undefined, 'owner');
  } catch (error) {
    const why =
      error instanceof ListenError && error.code === 'EADDRINUSE'
        ? 'another pgnetflow has it; each needs a file of its own'
        : describeError(error);
    throw new StateFileError(`--state-file ${path}: ${why}`, error);
  }
}

async function load(path: string, log: Logger): Promise<State | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw new StateFileError(`--state-file ${path}: it cannot be read: ${describeError(error)}`, error);
  }
  const clock = new SteadyClock();
  try {
    const state = readState(text, clock);
    const age = Math.max(0, Math.round((Date.now() - Date.parse(state.savedAt)) / 1000));
    log.info(
      `the figures of ${path} were saved ${age} s ago, and go on; they are those since ${state.statsSince}`,
    );
    return state;
  } catch (error) {
    const kind = error instanceof StateError ? error.kind : 'damaged';
    const why = describeError(error);
    const aside = await setAside(path, kind, why);
    log.warn(`${path} is not read: ${why}; it is kept as ${aside}, and all figures begin at 0`);
    return null;
  }
}

/** Renames the file itself, not a link to it, and resolves with its new name. It is never removed. */
async function setAside(path: string, kind: string, why: string): Promise<string> {
  try {
    const target = await realpath(path);
    const aside = `${target}.${kind}-${new Date().toISOString().replaceAll(/[-:.]/g, '')}`;
    await rename(target, aside);
    return aside;
  } catch (error) {
    throw new StateFileError(
      `--state-file ${path}: it is not read: ${why}; nor can it be set aside: ${describeError(error)}`,
      error,
    );
  }
}
