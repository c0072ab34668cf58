import { endpointText } from './endpoint.ts';
import type { Filter, SocketRecord } from './record.ts';
import type { SsSocket } from './ss_output.ts';

/** What changes from one poll of ss to the next, as records. */
export class SsPolls {
  readonly #filter: Filter;
  #last: ReadonlyMap<string, SsSocket> | null = null;

  constructor(filter: Filter) {
    this.#filter = filter;
  }

  next(sockets: readonly SsSocket[], clock_us: number): SocketRecord[] {
    const now = new Map(sockets.filter((one) => this.#counts(one)).map((one) => [one.sock, one]));
    const records: SocketRecord[] = [];
    for (const socket of now.values()) {
      const last = this.#last?.get(socket.sock);
      if (last === undefined) records.push(openRecord(socket, clock_us, this.#last !== null));
      if (last !== undefined && !hasMoved(last, socket)) continue;
      const { sock, tcp } = socket;
      records.push({ type: 'totals', sock, clock_us, ...moved(socket), tcp });
    }
    for (const sock of this.#last?.keys() ?? []) {
      // What it moved after the last look is not known.
      if (!now.has(sock)) records.push({ type: 'close', sock, clock_us });
    }
    this.#last = now;
    return records;
  }

  #counts({ localPort, remotePort, pid }: SsSocket): boolean {
    const { proxyPort, serverPort, pid: wanted } = this.#filter;
    return (
      localPort === proxyPort ||
      localPort === serverPort ||
      remotePort === serverPort ||
      (wanted !== null && pid === wanted)
    );
  }
}

/** Born since the last look: all that it has moved, it moved under our eyes. */
function openRecord(socket: SsSocket, clock_us: number, isNew: boolean): SocketRecord {
  const { sock, pid, comm, localAddress, localPort, remoteAddress, remotePort } = socket;
  return {
    type: 'open',
    sock,
    ...(pid !== null && { pid }),
    ...(comm !== null && { comm }),
    local: endpointText(localAddress, localPort),
    remote: endpointText(remoteAddress, remotePort),
    clock_us,
    ...(isNew ? { sent: 0, received: 0 } : moved(socket)),
  };
}

function moved({ sent, received }: SsSocket): { sent?: number; received?: number } {
  return { ...(sent !== null && { sent }), ...(received !== null && { received }) };
}

function hasMoved(last: SsSocket, now: SsSocket): boolean {
  return (
    last.sent !== now.sent ||
    last.received !== now.received ||
    JSON.stringify(last.tcp) !== JSON.stringify(now.tcp)
  );
}
