import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DATA } from './cluster.ts';
import type { ServerDirectory } from './directory.ts';
import { EmbeddedPostgresError } from './error.ts';
import { lastLines } from './log.ts';

/** The server's output, in its directory. */
export const LOG = 'postgres.log';

const START_TIMEOUT_MS = 60_000;
const LOOK_EVERY_MS = 10;
/** A fast shutdown waits for every backend; one that was stopped with SIGSTOP never answers. */
const FAST_TIMEOUT_MS = 10_000;

/** `fast`: sessions are ended and a checkpoint is written. `immediate`: as in a crash, but orderly. */
export type StopMode = 'fast' | 'immediate';

const STOP_SIGNALS = { fast: 'SIGINT', immediate: 'SIGQUIT' } as const;

/** A running server process. */
export interface Postmaster {
  readonly port: number;
  readonly pid: number;
  /** Resolves when the process has ended, at once if it already has. */
  stop(mode: StopMode): Promise<void>;
}

/**
 * Starts `postgres` and resolves when it accepts connections.
 *
 * Throws EmbeddedPostgresError `POSTGRES_PORT_TAKEN` or `POSTGRES_START_FAILED`; no process is left then.
 */
export async function startPostmaster(
  directory: ServerDirectory,
  bin: string,
  port: number,
): Promise<Postmaster> {
  const data = path.join(directory.path, DATA);
  const child = directory.spawn(LOG, path.join(bin, 'postgres'), ['-D', data, '-p', String(port)]);
  if (child.pid !== undefined && (await isReady(child, path.join(data, 'postmaster.pid')))) {
    child.unref();
    return { port, pid: child.pid, stop: (mode) => stop(child, mode) };
  }

  const late = !hasEnded(child);
  await stop(child, 'immediate');
  const output = await lastLines(path.join(directory.path, LOG));
  if (!late && output.includes('Address already in use')) {
    const message = `PostgreSQL cannot listen on port ${port}, it is in use:\n${output}`;
    throw new EmbeddedPostgresError('POSTGRES_PORT_TAKEN', message);
  }
  const what = late ? `was not ready after ${START_TIMEOUT_MS / 1000} s` : 'exited at its start';
  throw new EmbeddedPostgresError('POSTGRES_START_FAILED', `PostgreSQL ${what}:\n${output}`);
}

async function stop(child: ChildProcess, mode: StopMode): Promise<void> {
  if (hasEnded(child)) return;
  child.ref();
  const ended = once(child, 'exit');
  child.kill(STOP_SIGNALS[mode]);
  const impatience = setTimeout(() => child.kill(STOP_SIGNALS.immediate), FAST_TIMEOUT_MS);
  await ended;
  clearTimeout(impatience);
}

/**
 * Looks at the status line of postmaster.pid, as `pg_ctl --wait` does (LOCK_FILE_LINE_PM_STATUS in miscadmin.h), only
 * more often. A watch on the file would need inotify, of which containers run out.
 */
async function isReady(child: ChildProcess, pidFile: string): Promise<boolean> {
  const giveUpMs = performance.now() + START_TIMEOUT_MS;
  while (!hasEnded(child) && performance.now() < giveUpMs) {
    const lines = await readFile(pidFile, 'utf8').catch(() => '');
    if (lines.split('\n')[7]?.trim() === 'ready') return true;
    await delay(LOOK_EVERY_MS);
  }
  return false;
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
