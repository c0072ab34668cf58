import net from 'node:net';
import { existsSync, linkSync, lstatSync, renameSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { type Address, formatAddress } from './address.ts';
import type { Descriptors } from './descriptor.ts';
import { SERVER_OPTIONS } from './read_buffer.ts';

/** It could not listen. `code` is the system's (EADDRINUSE, EACCES, …). */
export class ListenError extends Error {
  readonly code: string;

  constructor(address: Address, cause: NodeJS.ErrnoException) {
    super(`cannot listen on ${formatAddress(address)}: ${explain(address, cause)}`, { cause });
    this.name = 'ListenError';
    this.code = cause.code ?? 'ERR_LISTEN';
  }
}

/** Longest path of a Unix-domain socket: sun_path of sockaddr_un, less its final zero byte. */
const MAX_PATH_BYTES = process.platform === 'linux' ? 107 : 103;

function explain(address: Address, error: NodeJS.ErrnoException): string {
  const inTheWay = error.code === 'EADDRINUSE' && 'path' in address ? whatIsAt(address.path) : null;
  if (inTheWay !== null) return `${inTheWay} is there, and no socket; remove it or choose another path`;
  if (error.code === 'EADDRINUSE') return 'the address is in use; stop what listens there or choose another';
  // libuv says EACCES for ENOENT.
  if (error.code === 'EACCES' && 'path' in address && !existsSync(path.dirname(address.path)))
    return `there is no directory ${path.dirname(address.path)}; make it or choose another path`;
  if (error.code === 'EACCES')
    return 'permission denied; ports below 1024 and foreign directories need privileges';
  if (error.code === 'ENAMETOOLONG')
    return `the path of a Unix-domain socket has at most ${MAX_PATH_BYTES} bytes`;
  if (error.code === 'EADDRNOTAVAIL') return 'this machine has no such address';
  return error.message;
}

/** Null for a socket: somebody listens on it. */
function whatIsAt(file: string): string | null {
  const stat = lstatSync(file, { throwIfNoEntry: false });
  if (stat === undefined || stat.isSocket()) return null;
  if (stat.isDirectory()) return 'a directory';
  return stat.isSymbolicLink() ? 'a symbolic link' : 'a file';
}

export interface Listener {
  /** Where it really listens: port 0 is resolved. */
  readonly address: Address;
  /** Accepts no more; connections go on. */
  close(): void;
  /**
   * Gives the listening socket away: this thread accepts nothing any more, and whoever listens on the descriptor does. Call it
   * before anything can have been accepted: as soon as there is a listener.
   */
  release(descriptors: Descriptors): number;
}

/**
 * Listens on one address. A Unix-domain socket that nobody listens on any more is replaced.
 *
 * @param onAcceptError a connection could not be taken (too many open files); the listener goes on
 * @param access who may connect to a Unix-domain socket. `everyone`: whoever may reach its directory, as with
 *   PostgreSQL's unix_socket_permissions; `owner`: this user and root, from the moment that there is a socket
 * @throws {ListenError}
 */
export async function listen(
  address: Address,
  onConnection: (socket: net.Socket) => void,
  onAcceptError: (error: Error) => void = () => undefined,
  access: 'everyone' | 'owner' = 'everyone',
): Promise<Listener> {
  const server = net.createServer(SERVER_OPTIONS, onConnection);
  if ('path' in address) await preparePath(address);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      reject(new ListenError(address, error));
    });
    // Node makes the socket within the call; to change its mode afterwards would leave a moment between.
    const mask = access === 'owner' ? process.umask(0o177) : null;
    try {
      server.listen(listenOptions(address, access), resolve);
    } finally {
      if (mask !== null) process.umask(mask);
    }
  });
  // Errors of accept concern one connection, not the listener.
  server.on('error', onAcceptError);
  const bound = server.address();
  const real: Address =
    bound === null || typeof bound === 'string' ? address : { host: bound.address, port: bound.port };
  return {
    address: real,
    close: () => {
      server.close();
    },
    release: (descriptors) => {
      const descriptor = descriptors.duplicate(descriptorOf(server));
      if ('path' in address) closeKeepingPath(server, address.path);
      else server.close();
      return descriptor;
    },
  };
}

/** Listens on a socket that {@link Listener.release} has given away, or a duplicate of it. */
export async function listenOn(
  descriptor: number,
  onConnection: (socket: net.Socket) => void,
  onAcceptError: (error: Error) => void,
): Promise<{ close(): void }> {
  const server = net.createServer(SERVER_OPTIONS, onConnection);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ fd: descriptor }, resolve);
  });
  server.on('error', onAcceptError);
  return server;
}

/** What the system calls the socket of a server. */
function descriptorOf(server: net.Server): number {
  const handle: unknown = Reflect.get(server, '_handle');
  const descriptor: unknown =
    typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined;
  if (typeof descriptor === 'number' && descriptor >= 0) return descriptor;
  throw new Error('this version of Node does not tell the descriptor of a listening socket');
}

/** Node removes the path of a Unix-domain socket when it closes it; under a second name it stays. */
function closeKeepingPath(server: net.Server, file: string): void {
  const second = `${file}.${process.pid}`;
  rmSync(second, { force: true });
  linkSync(file, second);
  server.close();
  renameSync(second, file);
}

function listenOptions(address: Address, access: 'everyone' | 'owner'): net.ListenOptions {
  const open = access === 'everyone';
  if ('path' in address) return { path: address.path, readableAll: open, writableAll: open };
  return { host: address.host, port: address.port };
}

async function preparePath(address: { readonly path: string }): Promise<void> {
  // Node 20 would cut it off, and listen elsewhere.
  if (Buffer.byteLength(address.path) > MAX_PATH_BYTES) {
    throw new ListenError(address, Object.assign(new Error('path too long'), { code: 'ENAMETOOLONG' }));
  }
  try {
    const stat = statSync(address.path, { throwIfNoEntry: false });
    if (stat?.isSocket() === true && (await isStale(address.path))) rmSync(address.path, { force: true });
  } catch (error) {
    throw error instanceof Error ? new ListenError(address, error) : error;
  }
}

/** Nobody listens. Any other failure to connect, such as a full backlog, says that somebody does. */
async function isStale(socketPath: string): Promise<boolean> {
  return new Promise<boolean>((resolve) => {
    const probe = net.connect({ path: socketPath });
    probe.on('connect', () => {
      probe.destroy();
      resolve(false);
    });
    probe.on('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
  });
}
