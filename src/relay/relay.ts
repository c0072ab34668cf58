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
  #closedLegs = 0;

  constructor(
    client: Leg,
    server: Leg,
    books: { readonly R: DirectionBooks; readonly S: DirectionBooks },
    events: RelayEvents,
  ) {
    this.#client = client;
    this.#server = server;
    this.#requests = new Pump(client, server, books.R);
    this.#replies = new Pump(server, client, books.S);
    this.#events = events;
    client.listener = this.#listenerOf('client', this.#requests, server);
    server.listener = this.#listenerOf('server', this.#replies, client);
  }

  /** Begins, with what the client has sent so far, which is booked already. */
  start(first: Buffer): void {
    const taken = this.#requests.forward(first, performance.now());
    if (this.#client.ended) this.#server.end();
    if (taken) this.#client.resume();
  }

  /** Breaks both connections. */
  stop(): void {
    this.#client.destroy();
    this.#server.destroy();
  }

  #listenerOf(side: 'client' | 'server', pump: Pump, other: Leg): LegListener {
    return {
      read: (chunk, bytes) => pump.pass(chunk, bytes),
      ended: () => {
        this.#noteEnd(side, null);
        other.end();
      },
      closed: (error) => {
        const first = this.#noteEnd(side, error);
        this.#closedLegs += 1;
        if (this.#closedLegs === 2) this.#events.ended(first);
        else if (error === null || this.#mustFlush(other)) other.close();
        else other.reset();
      },
    };
  }

  /** Remembers how the end began; everything later follows from it. */
  #noteEnd(by: 'client' | 'server', error: NodeJS.ErrnoException | null): RelayEnd {
    if (this.#end !== null) return this.#end;
    this.#end = { by, error };
    if (by === 'server' && this.#server.counters.in === 0) this.#events.silentServer(error);
    return this.#end;
  }

  /** Something was written to a leg that a reset could destroy on its way. */
  #mustFlush(leg: Leg): boolean {
    return leg.socket.writableLength > 0 || (leg === this.#client && this.#server.counters.in === 0);
  }
}
