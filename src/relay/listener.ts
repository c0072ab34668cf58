import net from 'node:net';
import { rmSync, statSync } from 'node:fs';
import { type Address, formatAddress } from './address.ts';
import { SERVER_OPTIONS } from './read_buffer.ts';

/** It could not listen. `code` is the system's (EADDRINUSE, EACCES, …). */
export class ListenError extends Error {
  readonly code: string;

  constructor(address: Address, cause: NodeJS.ErrnoException) {
    super(`cannot listen on ${formatAddress(address)}: ${explain(cause)}`, { cause });
    this.name = 'ListenError';
    this.code = cause.code ?? 'ERR_LISTEN';
  }
}

function explain(error: NodeJS.ErrnoException): string {
  if (error.code === 'EADDRINUSE')
    return 'the address is in use; stop what listens there or choose another with --listen';
  if (error.code === 'EACCES')
    return 'permission denied; ports below 1024 and foreign directories need privileges';
  if (error.code === 'EADDRNOTAVAIL') return 'this machine has no such address';
  return error.message;
}

export interface Listener {
  /** Where it really listens: port 0 is resolved. */
  readonly address: Address;
  /** Accepts no more; connections go on. */
  close(): void;
}

/**
 * Listens on one address. A Unix-domain socket that nobody listens on any more is replaced.
 *
 * @throws {ListenError}
 */
export async function listen(
  address: Address,
  onConnection: (socket: net.Socket) => void,
): Promise<Listener> {
  const server = net.createServer(SERVER_OPTIONS, onConnection);
  if ('path' in address) await removeStaleSocket(address.path);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      reject(new ListenError(address, error));
    });
    server.listen(listenOptions(address), resolve);
  });
  // Errors of accept (too many open files) concern one connection, not the listener.
  server.on('error', () => undefined);
  const bound = server.address();
  const real: Address =
    bound === null || typeof bound === 'string' ? address : { host: bound.address, port: bound.port };
  return {
    address: real,
    close: () => {
      server.close();
    },
  };
}

function listenOptions(address: Address): net.ListenOptions {
  // As PostgreSQL's unix_socket_permissions: whoever may reach the directory may connect.
  if ('path' in address) return { path: address.path, readableAll: true, writableAll: true };
  return { host: address.host, port: address.port };
}

async function removeStaleSocket(path: string): Promise<void> {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined || !stat.isSocket()) return;
  const answered = await new Promise<boolean>((resolve) => {
    const probe = net.connect({ path });
    probe.on('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.on('error', () => resolve(false));
  });
  if (!answered) rmSync(path, { force: true });
}
