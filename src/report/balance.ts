import type { Session } from '../session/session.ts';
import type { AccountsRecord } from './model.ts';

/**
 * Proves the law of conservation for one session. Three counts that were taken in different places must agree in
 * each direction: what the source's socket delivered, what the accounts hold, and what the other socket took.
 *
 * @returns what does not add up, a sentence each
 */
export function imbalances(session: Session, accounts: AccountsRecord): string[] {
  const { client, server } = session.wire;
  const { undelivered, protocolBytes } = session;
  const found: string[] = [];
  const expectEqual = (left: number, leftName: string, right: number, rightName: string): void => {
    if (left !== right)
      found.push(`${leftName} ${left} is not ${rightName} ${right} (off by ${left - right})`);
  };
  for (const direction of ['R', 'S'] as const) {
    const sum = Object.values(accounts).reduce((total, account) => total + account[direction], 0);
    expectEqual(sum, `sum of the accounts ${direction}`, protocolBytes[direction], 'bytes relayed');
  }
  expectEqual(client.in - client.ownIn, 'client bytes_in - own_in', protocolBytes.R, 'bytes relayed R');
  expectEqual(
    server.out - server.ownOut + undelivered.R,
    'server bytes_out - own_out + undelivered',
    protocolBytes.R,
    'bytes relayed R',
  );
  expectEqual(server.in - server.ownIn, 'server bytes_in - own_in', protocolBytes.S, 'bytes relayed S');
  expectEqual(
    client.out - client.ownOut + undelivered.S,
    'client bytes_out - own_out + undelivered',
    protocolBytes.S,
    'bytes relayed S',
  );
  return found;
}
