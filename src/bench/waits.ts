import type { SessionRecord, StatementRecord } from '../report/model.ts';

/** Who waited for whom while a COPY to the client ran, in µs. The parts add up to the duration. */
export interface Waits {
  readonly duration_us: number;
  /** Until the first byte, without the network's part: the server planned, and made the first rows. */
  readonly server_us: number;
  /** One round trip between pgnetflow and the server. */
  readonly network_us: number;
  /** The client did not take what the server had sent. */
  readonly client_us: number;
  /** The rest: the server sent, or its network carried. Nobody between them can tell which. */
  readonly streaming_us: number;
}

/** The trivial statement whose first byte tells how long a round trip takes. */
export const PING = 'select 1';

/**
 * Splits the duration of each COPY of a session that has ended well.
 *
 * @throws when the session has no ping to compare with
 */
export function splitWaits({ statements }: SessionRecord): Waits[] {
  const pings = statements.filter(({ query }) => query === PING).map(firstByteUs);
  if (pings.length === 0) throw new Error(`no ${PING} in the session`);
  const roundTripUs = Math.min(...pings);
  return statements
    .filter(({ kind, outcome }) => kind === 'copy_out' && outcome === 'ok')
    .map((statement) => {
      const { duration_us, client_stall_us } = statement.time;
      const durationUs = duration_us ?? 0;
      const firstByte = Math.min(firstByteUs(statement), durationUs);
      const networkUs = Math.min(roundTripUs, firstByte);
      const clientUs = Math.min(client_stall_us, durationUs - firstByte);
      return {
        duration_us: durationUs,
        server_us: firstByte - networkUs,
        network_us: networkUs,
        client_us: clientUs,
        streaming_us: durationUs - firstByte - clientUs,
      };
    });
}

function firstByteUs({ time }: StatementRecord): number {
  return time.first_byte_us ?? 0;
}
