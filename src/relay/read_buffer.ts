import net from 'node:net';
import { SharedChunks } from './chunks.ts';
import { wasTried } from './tried_node.ts';

/** Enough for the traffic of small statements. */
const SMALL_BYTES = 4 * 1024;
/** For connections whose reads fill the small buffer. */
const LARGE_BYTES = 64 * 1024;
/** So many reads in a row that the small buffer could have held give the large one back. */
const SMALL_READS_TO_SHRINK = 64;

/** Called with each read: `buffer[0, bytes)` is valid until it returns, or, if it returns false, until reading resumes. */
export type OnRead = (buffer: Buffer, bytes: number) => boolean;

const NO_BYTES: Buffer = Buffer.alloc(0);
const SHARED = new SharedChunks(SMALL_BYTES);

/**
 * What a socket reads into, over and over: no allocation per read. It is the one small buffer of all sockets, and a large
 * one of the socket's own only while its traffic asks for it.
 */
class ReadBuffer implements net.OnReadOpts {
  #large: Buffer | null = null;
  /** The beginning of the large buffer that was read last; reads of one length in a row are common. */
  #view = NO_BYTES;
  #smallReads = 0;
  readonly #onRead: OnRead;

  constructor(onRead: OnRead) {
    this.#onRead = onRead;
  }

  /** Asked once at the start and then after each read. */
  readonly buffer = (): Buffer => this.#large ?? SHARED.input;

  readonly callback = (bytes: number): boolean => {
    if (this.#large !== null) return this.#readLarge(this.#large, bytes);
    if (bytes === SMALL_BYTES) this.#large = Buffer.allocUnsafeSlow(LARGE_BYTES);
    const goOn = this.#onRead(SHARED.take(bytes), bytes);
    if (!goOn) SHARED.leave();
    return goOn;
  };

  #readLarge(large: Buffer, bytes: number): boolean {
    const view = this.#view.length === bytes ? this.#view : large.subarray(0, bytes);
    this.#view = view;
    this.#smallReads = bytes > SMALL_BYTES ? 0 : this.#smallReads + 1;
    if (this.#smallReads === SMALL_READS_TO_SHRINK) {
      this.#large = null;
      this.#view = NO_BYTES;
      this.#smallReads = 0;
    }
    return this.#onRead(view, bytes);
  }
}

/** Options of every socket of ours: half-open ends are passed on, and small messages are not held back. */
const SOCKET_OPTIONS = { allowHalfOpen: true, noDelay: true, keepAlive: true } as const;

/** Begins to connect; `onRead` is called once data comes. */
export function connectSocket(to: net.NetConnectOpts, onRead: OnRead): net.Socket {
  return net.connect({ ...to, ...SOCKET_OPTIONS, onread: new ReadBuffer(onRead) });
}

/** Options for a server whose connections go to {@link adoptSocket} at once, before anything can be read. */
export const SERVER_OPTIONS: net.ServerOpts = SOCKET_OPTIONS;

/** What Node's own `onread` does to a socket: no public API. */
interface OnReadKeys {
  readonly buffer: symbol;
  readonly next: symbol;
  readonly callback: symbol;
}

/** Where sockets keep their `onread`; null where that is not known. */
const ON_READ_KEYS = wasTried(process.versions.node) ? onReadKeys() : null;

function onReadKeys(): OnReadKeys | null {
  const symbols = Object.getOwnPropertySymbols(new net.Socket());
  const named = (name: string): symbol | undefined => symbols.find(({ description }) => description === name);
  const [buffer, next, callback] = [named('kBuffer'), named('kBufferGen'), named('kBufferCb')];
  if (buffer === undefined || next === undefined || callback === undefined) return null;
  return { buffer, next, callback };
}

/**
 * Makes an accepted socket read into a {@link ReadBuffer}.
 *
 * Node has `onread` for `net.connect` only. An accepted socket is therefore given what that option would have given
 * it, which is no public API; on a Node that this was not tried with, or where it is not to be had, the socket's 'data'
 * events do the same with an allocation per read.
 */
export function adoptSocket(accepted: net.Socket, onRead: OnRead): net.Socket {
  const handle: unknown = Reflect.get(accepted, '_handle');
  if (ON_READ_KEYS === null || !takesBuffer(handle)) return readByEvents(accepted, onRead);
  const { buffer, callback } = new ReadBuffer(onRead);
  Reflect.set(accepted, ON_READ_KEYS.buffer, buffer());
  Reflect.set(accepted, ON_READ_KEYS.next, buffer);
  Reflect.set(accepted, ON_READ_KEYS.callback, callback);
  handle.useUserBuffer(buffer());
  return accepted;
}

function takesBuffer(handle: unknown): handle is { useUserBuffer(buffer: Buffer): void } {
  return typeof handle === 'object' && handle !== null && 'useUserBuffer' in handle;
}

/** Calls `onRead` with the 'data' events of an accepted socket. */
export function readByEvents(socket: net.Socket, onRead: OnRead): net.Socket {
  socket.on('data', (chunk: Buffer) => {
    if (!onRead(chunk, chunk.length)) socket.pause();
  });
  return socket;
}
