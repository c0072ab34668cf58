import type { LegTotals } from './leg_totals.ts';
import type { Session } from './session.ts';

/**
 * Proves the law of conservation for one session. Counts that were taken in different places must agree in each
 * direction: what the source's socket delivered, what was scanned, what the accounts hold, and what the other socket
 * took. On a leg with TLS the socket's own count, less the overhead of TLS, must agree as well.
 *
 * @returns what does not add up, a sentence each; empty when the books balance
 */
export function imbalances(session: Session): string[] {
  const { bookedBytes, protocolBytes, undelivered } = session;
  const { client, server } = session.wire;
  const found: string[] = [];
  const prove = (name: string, bytes: number, direction: 'R' | 'S'): void => {
    const off = bytes - protocolBytes[direction];
    if (off !== 0)
      found.push(
        `${direction}: ${name} ${bytes} is not bytes relayed ${protocolBytes[direction]}, off by ${off}`,
      );
  };
  prove('client bytes_in - own_in', client.in - client.ownIn, 'R');
  prove('sum of the accounts', bookedBytes.R, 'R');
  prove('server bytes_out - own_out + undelivered', server.out - server.ownOut + undelivered.R, 'R');
  prove('server bytes_in - own_in', server.in - server.ownIn, 'S');
  prove('sum of the accounts', bookedBytes.S, 'S');
  prove('client bytes_out - own_out + undelivered', client.out - client.ownOut + undelivered.S, 'S');
  const proveSocket = (
    name: 'client' | 'server',
    leg: LegTotals,
    into: 'R' | 'S',
    outOf: 'R' | 'S',
  ): void => {
    if (leg.tls === null) return;
    const { socketIn, socketOut, overheadIn, overheadOut } = leg.tls;
    prove(`${name} socket bytes in - own_in - TLS overhead`, socketIn - leg.ownIn - overheadIn, into);
    prove(
      `${name} socket bytes out - own_out - TLS overhead + undelivered`,
      socketOut - leg.ownOut - overheadOut + undelivered[outOf],
      outOf,
    );
  };
  proveSocket('client', client, 'R', 'S');
  proveSocket('server', server, 'S', 'R');
  return found;
}

/** The books of a session add up. */
export function isBalanced(session: Session): boolean {
  return imbalances(session).length === 0;
}
