import { recordsFromOverhead } from '../wire/tls_records.ts';

/** How far one direction of a leg with TLS has come. */
export interface TlsPosition {
  /** Bytes of the socket. */
  readonly socket: number;
  readonly plain: number;
  /** Records of application data, as the reads or the writes tell them. */
  readonly records: number;
}

/**
 * The records up to now, if what TLS has added is that of whole records and one alert at most.
 *
 * @param from behind the handshake; null when that is not known
 * @param isPossible whether the reads or writes allow that number
 * @returns null when it is not certain
 */
export function recordsSince(
  from: TlsPosition | null,
  now: TlsPosition,
  overhead: number | null,
  isPossible: (records: number) => boolean,
): number | null {
  if (from === null || overhead === null) return null;
  const plain = now.plain - from.plain;
  const since = recordsFromOverhead(plain, now.socket - from.socket - plain, overhead, 'one at most');
  if (since === null) return null;
  const records = from.records + since;
  return isPossible(records) ? records : null;
}
