import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { TraceError } from './trace_error.ts';

/** What is traced: one process, or all of a server. */
export interface Target {
  /** The process whose end ends the trace: the traced one, or the postmaster. */
  readonly pid: number;
  readonly postmaster: number;
  readonly all: boolean;
  /** The server's program, as its own file system names it. */
  readonly binary: string;
  readonly dataDirectory: string;
  /** The major version: `15`. */
  readonly version: string;
}

interface Server {
  readonly postmaster: number;
  readonly dataDirectory: string;
}

/**
 * Finds the server of a process. `pid` may be any of its processes; null asks for the only server of this machine. The
 * postmaster is traced with all its children.
 *
 * @throws {TraceError} `TRACE_NO_PROCESS`, `TRACE_NOT_POSTGRES`, `TRACE_WHICH_SERVER`
 */
export function findTarget(pid: number | null, all: boolean): Target {
  const { postmaster, dataDirectory } = pid === null ? onlyServer() : serverOf(pid);
  const traced = pid === null || all ? postmaster : pid;
  return {
    pid: traced,
    postmaster,
    all: traced === postmaster,
    binary: readlinkSync(`/proc/${postmaster}/exe`),
    dataDirectory,
    version: readFileSync(path.join(`/proc/${postmaster}/cwd`, 'PG_VERSION'), 'utf8').trim(),
  };
}

/** Whether it is a child of the server: a backend, say. */
export function isChildOf(pid: number, { postmaster }: Target): boolean {
  return parentOf(pid) === postmaster;
}

/** The file behind a descriptor, relative to the data directory when it lies in it; null when it is gone. */
export function descriptorPath(pid: number, fd: number, dataDirectory: string): string | null {
  try {
    const file = readlinkSync(`/proc/${pid}/fd/${fd}`);
    return file.startsWith(`${dataDirectory}/`) ? file.slice(dataDirectory.length + 1) : file;
  } catch {
    return null;
  }
}

/** All processes of what is traced, by pid, with their titles. */
export function* titles(target: Target): Generator<[pid: number, title: string]> {
  const pids = target.all ? [target.postmaster, ...childrenOf(target.postmaster)] : [target.pid];
  for (const pid of pids) {
    const title = titleOf(pid);
    if (title !== null) yield [pid, title];
  }
}

function serverOf(pid: number): Server {
  const parent = parentOf(pid);
  if (parent === null) {
    throw new TraceError('TRACE_NO_PROCESS', `there is no process ${pid} (any more)`);
  }
  const server = asServer(pid) ?? asServer(parent);
  if (server !== null) return server;
  const title = titleOf(pid) ?? '';
  const message = `process ${pid} (${title}) is none of a PostgreSQL server's; pg_stat_activity has the pids of backends`;
  throw new TraceError('TRACE_NOT_POSTGRES', message);
}

function onlyServer(): Server {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const servers = pids.flatMap((pid) => asServer(Number(pid)) ?? []);
  const [only, ...others] = servers;
  if (only === undefined) {
    throw new TraceError('TRACE_WHICH_SERVER', 'no PostgreSQL server runs here that we may look at');
  }
  if (others.length > 0) {
    const list = servers
      .map(({ postmaster, dataDirectory }) => `${postmaster} (${dataDirectory})`)
      .join(', ');
    const message = `several PostgreSQL servers run here; name one with --pid: ${list}`;
    throw new TraceError('TRACE_WHICH_SERVER', message);
  }
  return only;
}

/** A postmaster works in its data directory, whose postmaster.pid begins with its pid. */
function asServer(pid: number): Server | null {
  try {
    const lock = readFileSync(`/proc/${pid}/cwd/postmaster.pid`, 'utf8');
    if (lock.split('\n', 1)[0] !== String(pid)) return null;
    return { postmaster: pid, dataDirectory: readlinkSync(`/proc/${pid}/cwd`) };
  } catch {
    return null;
  }
}

/** @returns null when there is no such process */
function parentOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Behind the name, which may hold anything, stand the state and the parent.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return null;
  }
}

function childrenOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return children === '' ? [] : children.split(' ').map(Number);
}

function titleOf(pid: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trimEnd();
  } catch {
    return null;
  }
}
