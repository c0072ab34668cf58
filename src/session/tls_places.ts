import type { LegTotals } from './leg_totals.ts';
import type { Statement } from './statement.ts';
import { positionOf, recordsBetween, type SocketPosition } from './tls_records.ts';

/** Offsets in the protocol streams, and those of the sockets below TLS that correspond to them. */
interface Positions {
  readonly R: number;
  readonly S: number;
  readonly client: SocketPosition | null;
  readonly server: SocketPosition | null;
}

/**
 * Where statements' bytes stand among those of TLS. That can be told of a statement that was alone: nothing was owed
 * before it, and nothing is behind it.
 */
export class TlsPlaces {
  /** Where the streams stood when the server last owed nothing. */
  #restedAt: Positions | null = null;

  /**
   * The server owes nothing, and all that it has sent is handed on.
   *
   * @param R offset in the stream of requests
   * @param S offset in the stream of replies
   * @param statement the first of those that have finished since the last time, if any
   */
  rested(
    R: number,
    S: number,
    { client, server }: { readonly client: LegTotals; readonly server: LegTotals },
    statement: Statement | undefined,
  ): void {
    const before = this.#restedAt;
    const at: Positions = { R, S, client: positionOf(client.tls), server: positionOf(server.tls) };
    this.#restedAt = at;
    if (before === null || statement === undefined) return;
    const { R: requests, S: replies } = statement;
    const alone =
      requests.from === before.R && requests.to === at.R && replies.from === before.S && replies.to === at.S;
    if (!alone) return;
    statement.tlsRecords = {
      client: recordsBetween(before.client, at.client, client.tls, { in: requests, out: replies }),
      server: recordsBetween(before.server, at.server, server.tls, { in: replies, out: requests }),
    };
    if (before.server === null || at.server === null) return;
    statement.onSocket = {
      R: [before.server.out, at.server.out],
      S: [before.server.in, at.server.in],
    };
  }
}
