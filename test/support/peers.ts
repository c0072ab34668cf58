// Scripted clients and servers on real sockets: they do what a real one does not do on command, such as to stop
// reading, to reset a connection, or to say nothing at all. Whatever a test opens here is closed when it ends.
import { type Hash, createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import { resetSocket } from '../../src/relay/reset.ts';
import type { Address } from '../../src/relay/address.ts';
import { until } from './until.ts';

/** One end of a connection, as a script drives it. Keeps what it receives, unless it is told to {@link digest} it. */
export class Peer {
  readonly socket: net.Socket;
  /** The other end has closed its direction. */
  ended = false;
  closed = false;
  /** Code of the error that broke the connection. */
  error: string | undefined;
  receivedBytes = 0;
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #digest: Hash | null = null;

  readonly #raw: net.Socket;

  /** @param raw the connection itself, where `socket` is TLS on it */
  constructor(socket: net.Socket, raw: net.Socket = socket) {
    this.socket = socket;
    this.#raw = raw;
    socket.on('data', (chunk: Buffer) => this.take(chunk));
    socket.on('end', () => {
      this.ended = true;
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.error ??= error.code ?? error.message;
    });
    socket.on('close', () => {
      this.closed = true;
    });
  }

  /** Enters what was read. */
  take(chunk: Buffer): void {
    this.receivedBytes += chunk.length;
    if (this.#digest !== null) {
      this.#digest.update(chunk);
      return;
    }
    this.#kept.push(chunk);
    this.#keptBytes += chunk.length;
  }

  /** Bytes written that the kernel has taken. */
  get sentBytes(): number {
    return this.socket.bytesWritten - this.socket.writableLength;
  }

  /** Both ends of its connection, while it is open. */
  get ends(): { readonly local: object; readonly remote: object } {
    const { localAddress, localPort, remoteAddress, remotePort } = this.socket;
    return {
      local: { address: localAddress, port: localPort },
      remote: { address: remoteAddress, port: remotePort },
    };
  }

  send(...parts: Buffer[]): void {
    for (const part of parts) this.socket.write(part);
  }

  /** Writes and waits until the kernel has taken it; false when the connection broke before. */
  async deliver(bytes: Buffer): Promise<boolean> {
    return new Promise((resolve) => {
      this.socket.write(bytes, (error) => {
        resolve(error === null || error === undefined);
      });
    });
  }

  /** The next so many bytes, once they are here. */
  async receive(bytes: number): Promise<Buffer> {
    await until(() => this.#keptBytes >= bytes || this.closed || this.ended, `${bytes} bytes`);
    if (this.#keptBytes < bytes) {
      throw new Error(`${this.#keptBytes} bytes of ${bytes} came: ${this.#take(this.#keptBytes).toString()}`);
    }
    return this.#take(bytes);
  }

  /** All that comes until the other end closes or breaks the connection. */
  async receiveAll(): Promise<Buffer> {
    await until(() => this.ended || this.closed, 'the end');
    return this.#take(this.#keptBytes);
  }

  /** From here on what is received is hashed and not kept. */
  digest(): Hash {
    this.#digest = createHash('sha1');
    this.#digest.update(this.#take(this.#keptBytes));
    return this.#digest;
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Closes its direction. */
  end(): void {
    this.socket.end();
  }

  /** Closes both directions at once; unread bytes make the kernel send a reset. */
  destroy(): void {
    this.socket.destroy();
  }

  reset(): void {
    resetSocket(this.socket, this.#raw);
  }

  #take(bytes: number): Buffer {
    const all = Buffer.concat(this.#kept);
    this.#kept = [all.subarray(bytes)];
    this.#keptBytes = all.length - bytes;
    return all.subarray(0, bytes);
  }
}

/** A server whose connections a test answers itself. */
export class FakeServer {
  readonly address: Address;
  readonly #server: net.Server;
  readonly #peers: Peer[] = [];
  #taken = 0;

  constructor(server: net.Server, address: Address) {
    this.#server = server;
    this.address = address;
    server.on('connection', (socket) => {
      this.#peers.push(new Peer(socket));
    });
  }

  get connections(): number {
    return this.#peers.length;
  }

  /** The next connection. */
  async accept(): Promise<Peer> {
    await until(() => this.#peers.length > this.#taken, 'a connection to the fake server');
    this.#taken += 1;
    return this.#peers[this.#taken - 1]!;
  }

  /** Answers every connection, those that come later too. */
  onPeer(answer: (peer: Peer) => void): void {
    this.#server.on('connection', () => answer(this.#peers.at(-1)!));
  }

  close(): void {
    this.#server.close();
    for (const peer of this.#peers) peer.destroy();
  }
}

/** Listens on a free port of 127.0.0.1, or on a Unix-domain socket. */
export async function fakeServer(at: Address = { host: '127.0.0.1', port: 0 }): Promise<FakeServer> {
  const server = net.createServer({ allowHalfOpen: true, noDelay: true });
  server.listen(at);
  await once(server, 'listening');
  const bound = server.address();
  const address =
    typeof bound === 'string' || bound === null ? at : { host: bound.address, port: bound.port };
  const fake = new FakeServer(server, address);
  after(() => fake.close());
  return fake;
}

/** Connects to an address; half-open, so that a test decides when its own direction closes. */
export async function connectTo(address: Address): Promise<Peer> {
  const socket = net.connect({ ...address, allowHalfOpen: true, noDelay: true });
  const peer = new Peer(socket);
  after(() => peer.destroy());
  await once(socket, 'connect');
  return peer;
}

/** Connects as a client that reads one byte per system call, from its first `resume()` on. */
export async function connectTrickling(address: Address): Promise<Peer> {
  let peer: Peer | null = null;
  const socket = net.connect({
    ...address,
    allowHalfOpen: true,
    onread: {
      buffer: Buffer.alloc(1),
      callback: (_bytes, buffer) => {
        peer?.take(Buffer.from(buffer));
        return true;
      },
    },
  });
  peer = new Peer(socket);
  after(() => socket.destroy());
  await once(socket, 'connect');
  return peer;
}

/** A port of 127.0.0.1 on which nothing listens. */
export async function freePort(): Promise<number> {
  const server = net.createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('no port');
  server.close();
  await once(server, 'close');
  return bound.port;
}

/** A path for a Unix-domain socket, in a directory that goes with the test. */
export function socketPath(name = '.s.PGSQL.5432'): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'pgnetflow-'));
  after(() => rmSync(directory, { recursive: true, force: true }));
  return path.join(directory, name);
}
