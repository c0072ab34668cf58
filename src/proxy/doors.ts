import type net from 'node:net';
import { type Address, formatAddress } from '../relay/address.ts';
import { listen, type Listener } from '../relay/listener.ts';
import { Networks } from '../relay/networks.ts';
import type { Entrance } from '../session/session.ts';
import type { ConnectionOptions, ListenerOptions } from './options.ts';

/** One of the addresses that are listened on: what all connections that come in there have in common. */
export interface Door {
  readonly address: Address;
  readonly options: ConnectionOptions;
  readonly balancers: Networks;
  readonly entrance: Entrance;
}

/** Where a proxy listens, and the servers that this leads to. */
export class Doors {
  readonly #pairs: readonly ListenerOptions[];
  /** Of each pair, in the same order. */
  readonly #listeners: readonly Listener[][];

  constructor(pairs: readonly ListenerOptions[]) {
    this.#pairs = pairs;
    this.#listeners = pairs.map(() => []);
  }

  /** In the order of the options; port 0 is resolved. */
  get addresses(): Address[] {
    return this.#listeners.flat().map((listener) => listener.address);
  }

  /** Which of these addresses lead to which server. */
  get pairs(): { readonly listens: readonly Address[]; readonly upstream: Address }[] {
    return this.#pairs.map(({ upstream }, at) => ({
      listens: this.#listeners[at]!.map((listener) => listener.address),
      upstream,
    }));
  }

  /** How many servers there are, told apart by how the user wrote them. */
  get servers(): number {
    return new Set(this.#pairs.map(({ upstream }) => formatAddress(upstream))).size;
  }

  /**
   * @param common what connections are told besides what their listener tells
   * @param onListening called for each address before any connection of it can have been taken
   * @throws {ListenError} when an address cannot be listened on; nothing is left open then
   */
  async open(
    common: Omit<ConnectionOptions, keyof ListenerOptions>,
    onConnection: (socket: net.Socket, door: Door) => void,
    onAcceptError: (error: Error) => void,
    onListening: (listener: Listener, door: Door, pair: number) => void = () => undefined,
  ): Promise<void> {
    try {
      for (const [at, pair] of this.#pairs.entries()) {
        for (const address of pair.listen) {
          const entrance = { listener: formatAddress(address), upstream: formatAddress(pair.upstream) };
          const balancers = new Networks(pair.proxyProtocolFrom);
          const door = { address, options: { ...pair, ...common }, balancers, entrance };
          const listener = await listen(address, (socket) => onConnection(socket, door), onAcceptError);
          entrance.listener = formatAddress(listener.address);
          this.#listeners[at]!.push(listener);
          onListening(listener, door, at);
        }
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Accepts no more; connections go on. */
  close(): void {
    for (const listener of this.#listeners.flat()) listener.close();
  }
}
