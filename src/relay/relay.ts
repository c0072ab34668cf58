import type { Leg, LegListener } from './leg.ts';
import { type DirectionBooks, Pump } from './pump.ts';

/** How a relay came to its end. */
export interface RelayEnd {
  /** The side that closed or broke first. */
  readonly by: 'client' | 'server';
  /** What broke it; null when it was closed in order. */
  readonly error: NodeJS.ErrnoException | null;
}

export interface RelayEvents {
  /** The server has closed or broken its connection without having said a word; the client can still be told. */
  silentServer(error: NodeJS.ErrnoException | null): void;
  /** Both connections are gone. */
  ended(end: RelayEnd): void;
}

/** Takes something out of the beginning of what the server sends. */
export interface Alteration {
  /** Nothing more is altered. */
  readonly done: boolean;
  /** @returns what is to be passed on, in a buffer of its own */
  take(chunk: Buffer): Buffer;
}

/**
 * Relays two connections to each other until both are gone. What one side does, the other sees: data, the close of
 * one direction, a reset.
 */
export class Relay {
  readonly #client: Leg;
  readonly #server: Leg;
  readonly #requests: Pump;
  readonly #replies: Pump;
  readonly #events: RelayEvents;
  #end: RelayEnd | null = null;

  constructor(
    client: Leg,
    server: Leg,
    books: { readonly R: DirectionBooks; readonly S: DirectionBooks },
    events: RelayEvents,
    alteration: Alteration | null = null,
  ) {
    this.#client = client;
    this.#server = server;
    this.#requests = new Pump(client, server, books.R);
    this.#replies = new Pump(server, client, books.S);
    this.#events = events;
    client.listener = {
      read: (chunk, bytes) => this.#requests.pass(chunk, bytes),
      ended: () => {
        this.#noteEnd('client', null);
        server.end();
      },
      closed: (error) => {
        this.#replies.stop();
        this.#closed('client', error);
        if (error === null) server.close();
        else server.reset();
      },
    };
    const passReply: LegListener['read'] = (chunk, bytes) => this.#replies.pass(chunk, bytes);
    const serverListener: LegListener = {
      read: passReply,
      ended: () => {
        this.#noteEnd('server', null);
        client.end();
      },
      closed: (error) => {
        this.#requests.stop();
        this.#closed('server', error);
        if (error === null || this.#mustArrive()) client.linger();
        else client.reset();
      },
    };
    if (alteration !== null) {
      serverListener.read = (chunk, bytes) => {
        const passed = alteration.take(chunk.subarray(0, bytes));
        // What is held back is ours, until it is passed on.
        server.counters.ownIn += bytes - passed.length;
        if (alteration.done) serverListener.read = passReply;
        return passed.length === 0 || passReply(passed, passed.length);
      };
    }
    server.listener = serverListener;
  }

  /** Begins, with what the client has sent so far, which is booked already. */
  start(first: Buffer): void {
    const taken = this.#requests.forward(first);
    if (this.#client.ended) this.#server.end();
    if (taken) this.#client.resume();
  }

  /** Closes both connections, once the client could have read the last that was written to it. */
  retire(): void {
    this.#client.linger();
    this.#server.close();
  }

  /** Breaks both connections. */
  stop(): void {
    this.#client.destroy();
    this.#server.destroy();
  }

  /** The server has not said a word beyond its negotiation with us. */
  get #silent(): boolean {
    const { in: bytes, ownIn } = this.#server.counters;
    return bytes === ownIn;
  }

  #closed(side: 'client' | 'server', error: NodeJS.ErrnoException | null): void {
    const first = this.#noteEnd(side, error);
    if (this.#client.closed && this.#server.closed) this.#events.ended(first);
  }

  /** Remembers how the end began; everything later follows from it. */
  #noteEnd(by: 'client' | 'server', error: NodeJS.ErrnoException | null): RelayEnd {
    if (this.#end !== null) return this.#end;
    this.#end = { by, error };
    if (by === 'server' && this.#silent) this.#events.silentServer(error);
    return this.#end;
  }

  /**
   * The client must get what was written to it, which a reset could destroy on its way: the server had closed in
   * order before its connection broke, or the client is told that it never spoke, or does not take what there is.
   */
  #mustArrive(): boolean {
    const server = this.#server;
    return server.ended || this.#silent || this.#client.socket.writableLength > 0;
  }
}
