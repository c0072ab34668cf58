import type { SocketAddress } from './descriptors.ts';

/** What the kernel tells of a TCP connection (TCP_INFO, by way of ss(8)). Bytes unless the name says otherwise. */
export interface TcpInfo {
  readonly local: SocketAddress;
  readonly peer: SocketAddress;
  readonly state: string;
  /** Come from the client and not read by the process. */
  readonly receiveQueue: number;
  /** Written by the process and not acknowledged by the client's system: sent or not. */
  readonly sendQueue: number;
  /** Of `sendQueue`: not even sent. */
  readonly notSent: number;
  /** Acknowledged since the connection began: what the client's system has taken. */
  readonly bytesAcked: number;
  readonly bytesReceived: number;
  /** Segments sent and not acknowledged. */
  readonly unackedSegments: number;
  readonly retransmits: number;
  /** How long the connection has had something to send, and how long of that the client's window was shut. */
  readonly busyMs: number;
  readonly receiveWindowLimitedMs: number;
}

/** @param line of `ss -tinHO`: one connection @returns null when it is none */
export function parseTcpInfo(line: string): TcpInfo | null {
  const [state, receive, send, local, peer, ...rest] = line.trim().split(/\s+/);
  const from = parseEndpoint(local);
  const to = parseEndpoint(peer);
  if (state === undefined || from === null || to === null) return null;
  if (!/^\d+$/.test(receive ?? '') || !/^\d+$/.test(send ?? '')) return null;
  const info = rest.join(' ');
  const number = (name: string): number =>
    Number(new RegExp(`(?:^| )${name}:(?:\\d+/)?(\\d+)`).exec(info)?.[1] ?? 0);
  return {
    local: from,
    peer: to,
    state,
    receiveQueue: Number(receive),
    sendQueue: Number(send),
    notSent: number('notsent'),
    bytesAcked: number('bytes_acked'),
    bytesReceived: number('bytes_received'),
    unackedSegments: number('unacked'),
    retransmits: number('retrans'),
    busyMs: number('busy'),
    receiveWindowLimitedMs: number('rwnd_limited'),
  };
}

function parseEndpoint(text: string | undefined): SocketAddress | null {
  const found = /^\[?([^\]]*)\]?:(\d+)$/.exec(text ?? '');
  if (found === null) return null;
  const address = found[1]!.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/i, '');
  return { address, port: Number(found[2]) };
}
