import net from 'node:net';

/** Enough for the traffic of small statements, and all that an idle connection holds. */
const SMALL_BYTES = 4 * 1024;
/** For connections whose reads fill the small buffer. */
const LARGE_BYTES = 64 * 1024;
/** So many reads in a row that a small buffer could have held give the large one back. */
const SMALL_READS_TO_SHRINK = 64;

/** Called with each read: `buffer[0, bytes)` is valid until it returns, or, if it returns false, until reading resumes. */
export type OnRead = (buffer: Buffer, bytes: number) => boolean;

/**
 * The one buffer that a socket reads into, over and over: no allocation per read. It is large only while the traffic
 * asks for it.
 */
class ReadBuffer {
  #smallReads = 0;
  #inUse = Buffer.allocUnsafeSlow(SMALL_BYTES);
  readonly #onRead: OnRead;

  constructor(onRead: OnRead) {
    this.#onRead = onRead;
  }

  options(): net.OnReadOpts {
    return {
      // Asked once at the start and then after each read.
      buffer: () => this.#inUse,
      callback: (bytes) => {
        const buffer = this.#inUse;
        this.#adapt(bytes);
        return this.#onRead(buffer, bytes);
      },
    };
  }

  #adapt(bytes: number): void {
    if (this.#inUse.length === SMALL_BYTES) {
      if (bytes === SMALL_BYTES) this.#resize(LARGE_BYTES);
    } else if (bytes > SMALL_BYTES) {
      this.#smallReads = 0;
    } else {
      this.#smallReads += 1;
      if (this.#smallReads === SMALL_READS_TO_SHRINK) this.#resize(SMALL_BYTES);
    }
  }

  #resize(size: number): void {
    this.#smallReads = 0;
    this.#inUse = Buffer.allocUnsafeSlow(size);
  }
}

/** Options of every socket of ours: half-open ends are passed on, and small messages are not held back. */
const SOCKET_OPTIONS = { allowHalfOpen: true, noDelay: true, keepAlive: true } as const;

/** Begins to connect; `onRead` is called once data comes. */
export function connectSocket(to: net.NetConnectOpts, onRead: OnRead): net.Socket {
  return net.connect({ ...to, ...SOCKET_OPTIONS, onread: new ReadBuffer(onRead).options() });
}

/** Options for a server whose connections go to {@link adoptSocket}. */
export const SERVER_OPTIONS: net.ServerOpts = { ...SOCKET_OPTIONS, pauseOnConnect: true };

/**
 * Makes an accepted socket read into a {@link ReadBuffer}.
 *
 * Node has `onread` for `net.connect` only. An accepted socket is therefore wrapped anew around its handle, which is
 * no public API (it works on Node 20 to 26); where the handle is not to be had, its 'data' events do the same with
 * an allocation per read.
 */
export function adoptSocket(accepted: net.Socket, onRead: OnRead): net.Socket {
  const handle: unknown = Reflect.get(accepted, '_handle');
  if (typeof handle !== 'object' || handle === null) return readByEvents(accepted, onRead);
  Reflect.set(accepted, '_handle', null);
  accepted.destroy();
  const options = { ...SOCKET_OPTIONS, handle, onread: new ReadBuffer(onRead).options() };
  const socket = new net.Socket(options);
  socket.setNoDelay(true);
  socket.setKeepAlive(true);
  return socket;
}

/** Calls `onRead` with the 'data' events of an accepted socket. */
export function readByEvents(socket: net.Socket, onRead: OnRead): net.Socket {
  socket.on('data', (chunk: Buffer) => {
    if (!onRead(chunk, chunk.length)) socket.pause();
  });
  // It was accepted paused.
  socket.resume();
  return socket;
}
