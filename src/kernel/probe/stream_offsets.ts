/**
 * Where the application's streams stand, from the counters of the kernel's `struct tcp_sock`. Sequence numbers are of 32
 * bits and wrap; counters are of 64. Both count what is no byte of the application: SYN and FIN take a number each.
 */
export interface Counters {
  /** After the last byte that the application wrote. */
  readonly writeSeq: number;
  /** After the last byte that it read. */
  readonly copiedSeq: number;
  /** `snd_una`, `bytes_acked`, `snd_una` again: an acknowledgement may come at any time. */
  readonly acked: Sample;
  /** `snd_nxt`, `bytes_sent` less `bytes_retrans`. */
  readonly sndNxt: number;
  readonly bytesSentOnce: number;
  /** `rcv_nxt`, `bytes_received`, `rcv_nxt` again. */
  readonly arrived: Sample;
  /** `sk_state`, as include/net/tcp_states.h numbers it. */
  readonly state: number;
}

/** A counter, and a sequence number before and after it: it belongs to the number when that did not change. */
export interface Sample {
  readonly before: number;
  readonly counter: number;
  readonly after: number;
}

/** Who opened the connection; null when that is not known. */
export type Opened = 'here' | 'there' | null;

const CLOSED = 7;
/** FIN_WAIT1, FIN_WAIT2, LAST_ACK, CLOSING: a FIN was queued behind the last byte. */
const FIN_SENT: ReadonlySet<number> = new Set([4, 5, 9, 11]);
/** CLOSE_WAIT, LAST_ACK, CLOSING: a FIN has arrived. */
const FIN_ARRIVED: ReadonlySet<number> = new Set([8, 9, 11]);

/** Bytes written by the application in the socket's life, or null when that cannot be told. */
export function bytesWritten(counters: Counters, opened: Opened): number | null {
  const { acked, writeSeq, state } = counters;
  if (state === CLOSED || acked.before !== acked.after) return null;
  const numbers = acked.counter + distance(acked.before, writeSeq);
  const fin = FIN_SENT.has(state) ? 1 : 0;
  const syn = synAcked(counters, numbers - fin, opened);
  return syn === null ? null : numbers - fin - syn;
}

/** Bytes read by the application in the socket's life, or null when that cannot be told. */
export function bytesRead({ arrived, copiedSeq, state }: Counters): number | null {
  if (state === CLOSED || arrived.before !== arrived.after) return null;
  const unread = distance(copiedSeq, arrived.before);
  // As long as something is unread, the FIN behind it is, too.
  const fin = FIN_ARRIVED.has(state) && unread === 0 ? 1 : 0;
  return arrived.counter - unread - fin;
}

/**
 * `bytes_acked` includes the SYN of a connection that was opened here, and not that of an accepted one, where the
 * listener's socket sent it. `bytes_sent` never does, but may run ahead of `snd_nxt` while a segment is being sent.
 */
function synAcked({ sndNxt, bytesSentOnce, writeSeq, state }: Counters, numbers: number, opened: Opened) {
  if (opened !== null) return opened === 'here' ? 1 : 0;
  if (FIN_SENT.has(state)) return null;
  const difference = numbers - (bytesSentOnce + distance(sndNxt, writeSeq));
  return difference === 0 || difference === 1 ? difference : null;
}

function distance(from: number, to: number): number {
  return (to - from) >>> 0;
}
