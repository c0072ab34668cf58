import type net from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { LegTotals } from '../session/leg_totals.ts';
import { resetSocket } from './reset.ts';
import { type OnRead, readByEvents } from './read_buffer.ts';
import { TlsChannel } from './tls_channel.ts';
import { askWhileUnread } from './unread.ts';
import { writeNow } from './write_now.ts';

/** What a leg reports. Exactly one `closed` comes last. */
export interface LegListener {
  /**
   * One read. `chunk[0, bytes)` is valid until this returns true, or, if it returns false (stop reading), until
   * {@link Leg.resume}.
   */
  read(chunk: Buffer, bytes: number): boolean;
  /** The other end has closed its direction; nothing more will be read. */
  ended(): void;
  /** @param error what broke the connection; null when both directions were closed in order */
  closed(error: NodeJS.ErrnoException | null): void;
}

/** How long the other end may take to close its direction once it could have read the last that was written. */
const LINGER_MS = 2000;

/**
 * What is read from it meanwhile, to see its end behind a last message. Whoever goes on sending must come to a write that blocks:
 * libpq looks for what the server has said only then.
 */
const LINGER_BYTES = 256 * 1024;

const NO_BYTES: Buffer = Buffer.alloc(0);

/** One of a session's two connections, with its counters. */
export class Leg {
  counters: LegTotals;
  readonly #onRead: OnRead;
  #socket: net.Socket;
  #channel: TlsChannel | null = null;
  #listener: LegListener;
  #error: NodeJS.ErrnoException | null = null;
  #ended = false;
  #closed = false;
  /** Nothing is read until {@link resume}. */
  #isUnread = false;
  #noticesBreak = false;
  #isAsked = false;

  /** @param open makes the socket that reads through the given function */
  constructor(open: (onRead: OnRead) => net.Socket, counters: LegTotals, listener: LegListener) {
    this.counters = counters;
    this.#listener = listener;
    this.#onRead = (buffer, bytes) => {
      this.counters.in += bytes;
      this.counters.reads += 1;
      const goesOn = this.#listener.read(buffer, bytes);
      if (!goesOn) this.#leftUnread();
      return goesOn;
    };
    this.#socket = open(this.#onRead);
    this.#watch(this.#socket);
    if (!this.#socket.connecting) counters.ends = ends(this.#socket);
  }

  /** The connection is made: its ends are known. */
  connected(): void {
    this.counters.ends = ends(this.#socket);
  }

  /**
   * Speaks TLS from here on: what is read and written is plaintext, and so are the counters; the socket's own figures
   * go to `counters.tls`. A handshake that fails breaks the connection.
   *
   * @param wrap puts TLS on the socket
   * @param unread what was read already and belongs to the handshake
   * @returns to be told once the handshake is done
   */
  secure<Secure extends TLSSocket>(
    wrap: (raw: net.Socket) => Secure,
    unread: Buffer = NO_BYTES,
  ): { readonly socket: Secure; readonly established: () => void } {
    const raw = this.#socket;
    const clear = { in: raw.bytesRead - unread.length, out: raw.bytesWritten };
    if (unread.length > 0) {
      this.counters.in -= unread.length;
      this.counters.reads -= 1;
      raw.unshift(unread);
    }
    const socket = wrap(raw);
    const channel = new TlsChannel(raw, socket, clear);
    this.#socket = socket;
    this.#channel = channel;
    this.counters.tls = channel;
    this.#watch(socket);
    readByEvents(socket, (chunk, bytes) => {
      channel.read();
      return this.#onRead(chunk, bytes);
    });
    return { socket, established: () => channel.established() };
  }

  /** Who is told from now on. */
  set listener(listener: LegListener) {
    this.#listener = listener;
  }

  get socket(): net.Socket {
    return this.#socket;
  }

  /** The other end has closed its direction. */
  get ended(): boolean {
    return this.#ended;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Nothing can be written any more. */
  get unwritable(): boolean {
    return this.#closed || this.#socket.destroyed || this.#socket.writableEnded;
  }

  /**
   * Writes a chunk.
   *
   * @param onFull called when the kernel does not take it: in here, or, over TLS, a turn of the event loop later
   * @returns true when the kernel has taken all of it, so that its buffer may be used again; false when not:
   *   `onTaken` is called once it has, and never if the connection breaks before
   */
  write(chunk: Buffer, onTaken: () => void, onFull: () => void = doNothing): boolean {
    const socket = this.#socket;
    this.counters.writes += 1;
    if (this.#channel !== null) return this.#writeSecure(this.#channel, chunk, onTaken, onFull);
    if (writeNow(socket, chunk)) {
      this.counters.out += chunk.length;
      return true;
    }
    if (socket.errored !== null) {
      this.#defer(onFull);
      return false;
    }
    // Its callback runs behind that of the chunk. A callback for every chunk would cost a tick each.
    socket.write(NO_BYTES, (error) => {
      if (error !== null && error !== undefined) return;
      this.counters.out += chunk.length;
      onTaken();
    });
    this.#defer(onFull);
    return false;
  }

  /** Once nothing has come for that long, the kernel asks whether the other end is still there. TCP only. */
  keepAlive(afterMs: number): void {
    (this.#channel?.raw ?? this.#socket).setKeepAlive(true, afterMs);
  }

  /**
   * A TCP connection that breaks while it is not read from closes within a second, as one that is read from does at once. What
   * had come and was not read is lost. The close of a direction stands behind what is unread, as it would in a server's own
   * socket; a Unix-domain socket has no other end than that.
   */
  noticeBreakWhileUnread(): void {
    this.#noticesBreak = true;
  }

  pause(): void {
    this.#socket.pause();
    this.#leftUnread();
  }

  resume(): void {
    this.#isUnread = false;
    this.#socket.resume();
  }

  /** Closes our direction once everything written has been taken. */
  end(): void {
    if (!this.#socket.destroyed) this.#socket.end();
  }

  /** Closes both directions once everything written has been taken. */
  close(): void {
    this.#socket.destroySoon();
  }

  /**
   * Closes our direction and lets the other end read up to it, and close its own: to close a connection with
   * something unread is to reset it, and then the last that was written may never arrive. The listener stays the same.
   */
  linger(): void {
    const socket = this.#socket;
    const listener = this.#listener;
    let left = LINGER_BYTES;
    this.#listener = {
      read: (chunk, bytes) => {
        left -= bytes;
        return listener.read(chunk, bytes) && left > 0;
      },
      ended: () => listener.ended(),
      closed: (error) => listener.closed(error),
    };
    const limit = (): void => {
      const timer = setTimeout(() => socket.destroy(), LINGER_MS);
      socket.once('close', () => clearTimeout(timer));
    };
    this.end();
    this.resume();
    if (socket.writableFinished) limit();
    else socket.once('finish', limit);
  }

  /** Breaks the connection: the other end sees a reset, if it is TCP. */
  reset(): void {
    const socket = this.#socket;
    if (socket.destroyed) return;
    // What a reset breaks is the connection below TLS.
    const raw = this.#channel?.raw ?? socket;
    // A Unix-domain socket knows no reset.
    if (raw.remoteAddress === undefined) socket.destroy();
    else resetSocket(socket, raw);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #writeSecure(channel: TlsChannel, chunk: Buffer, onTaken: () => void, onFull: () => void): boolean {
    const booked = (): void => {
      this.counters.out += chunk.length;
      onTaken();
    };
    const taken = channel.write(chunk, booked, () => this.#defer(onFull));
    if (taken) this.counters.out += chunk.length;
    return taken;
  }

  #leftUnread(): void {
    this.#isUnread = true;
    if (!this.#noticesBreak || this.#isAsked || this.counters.ends === null) return;
    this.#isAsked = true;
    askWhileUnread(this);
  }

  /** A write of nothing sends nothing, and fails where a reset has come: for {@link askWhileUnread}. */
  ask(): boolean {
    this.#isAsked = this.#isUnread && !this.unwritable;
    // While something waits to be taken, libuv hears of a reset. TLS would keep a write of nothing for itself.
    if (this.#isAsked && this.#socket.writableLength === 0)
      (this.#channel?.raw ?? this.#socket).write(NO_BYTES);
    return this.#isAsked;
  }

  #defer(onFull: () => void): void {
    this.counters.deferred += 1;
    onFull();
  }

  #watch(socket: net.Socket): void {
    socket.on('end', () => {
      if (socket !== this.#socket) return;
      this.#ended = true;
      this.#listener.ended();
    });
    // Of the socket below TLS as well: it is nearer to the cause.
    socket.on('error', (error) => {
      this.#error ??= error;
    });
    // TLS closes after the socket below it.
    socket.on('close', () => {
      if (socket !== this.#socket) return;
      this.#closed = true;
      if (this.#channel !== null) this.counters.tls = this.#channel.figures();
      this.#listener.closed(this.#error);
    });
  }
}

function ends(socket: net.Socket): LegTotals['ends'] {
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  if (localAddress === undefined || remoteAddress === undefined) return null;
  return {
    local: { address: localAddress, port: localPort ?? 0 },
    remote: { address: remoteAddress, port: remotePort ?? 0 },
  };
}

function doNothing(): void {
  // Nobody wants to know.
}
