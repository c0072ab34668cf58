import type { TcpFields } from './record.ts';

/** One connection as `ss -tineH` shows it. */
export interface SsSocket {
  /** The kernel's cookie of the socket, which is not used again, or its addresses with an ss that shows none. */
  readonly sock: string;
  readonly pid: number | null;
  readonly comm: string | null;
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Bytes written and read by the application; null when it does not say. */
  readonly sent: number | null;
  readonly received: number | null;
  readonly tcp: TcpFields;
}

const OUR_FIN = new Set(['FIN-WAIT-1', 'FIN-WAIT-2', 'LAST-ACK', 'CLOSING']);
const PEERS_FIN = new Set(['CLOSE-WAIT', 'LAST-ACK', 'CLOSING']);

/** Reads what ss prints of connections: a line each, its details behind or, indented, below it. */
export function parseSs(output: string): SsSocket[] {
  const joined = output.replaceAll(/\n[ \t]+/g, ' ');
  return joined
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map(parseSocket)
    .filter((socket) => socket !== null);
}

function parseSocket(line: string): SsSocket | null {
  const [state = '', unread, , local = '', remote = '', ...details] = line.trim().split(/\s+/);
  const [localAddress, localPort] = splitAddress(local);
  const [remoteAddress, remotePort] = splitAddress(remote);
  if (!/^\d+$/.test(unread ?? '') || Number.isNaN(localPort) || Number.isNaN(remotePort)) return null;
  const rest = details.join(' ');
  const tcp = tcpFields(rest);
  const user = /users:\(\("(.*?)",pid=(\d+)/.exec(rest);
  return {
    sock: /\bsk:([0-9a-f]+)/.exec(rest)?.[1] ?? `${local}-${remote}`,
    pid: user === null ? null : Number(user[2]),
    comm: user?.[1] ?? null,
    localAddress,
    localPort,
    remoteAddress,
    remotePort,
    sent: sent(state, tcp, number(rest, /\bnotsent:(\d+)/) ?? 0),
    received: received(state, tcp, Number(unread)),
    tcp,
  };
}

/** `127.0.0.1:5432`, `[::1]:5432`, `127.0.0.1%lo:5432`; before iproute2 4.18 `::1:5432`. */
function splitAddress(text: string): [address: string, port: number] {
  const colon = text.lastIndexOf(':');
  const address = text.slice(0, colon).replace(/%[^\]]*/, '');
  return [address.replaceAll(/[[\]]/g, ''), colon < 0 ? Number.NaN : Number(text.slice(colon + 1))];
}

/** ss leaves out what is 0; without `bytes_sent` (Linux 4.19) more than a SYN was acknowledged all the same. */
function sent(state: string, tcp: TcpFields, notSent: number): number | null {
  if (tcp.bytes_sent === undefined && (tcp.bytes_acked ?? 0) > 1) return null;
  const fin = OUR_FIN.has(state) && notSent > 0 ? 1 : 0;
  return (tcp.bytes_sent ?? 0) - (tcp.bytes_retrans ?? 0) + notSent - fin;
}

/** What has arrived less what nobody has read yet; a FIN counts as a byte in both. */
function received(state: string, tcp: TcpFields, unread: number): number {
  const fin = PEERS_FIN.has(state) && unread === 0 ? 1 : 0;
  return Math.max(0, (tcp.bytes_received ?? 0) - unread - fin);
}

/** Where each figure stands; times are in milliseconds there. */
const FIGURES: readonly (readonly [keyof TcpFields, RegExp, number])[] = [
  ['bytes_sent', /\bbytes_sent:(\d+)/, 1],
  ['bytes_acked', /\bbytes_acked:(\d+)/, 1],
  ['bytes_received', /\bbytes_received:(\d+)/, 1],
  ['bytes_retrans', /\bbytes_retrans:(\d+)/, 1],
  ['segs_out', /(?<!data_)\bsegs_out:(\d+)/, 1],
  ['segs_in', /(?<!data_)\bsegs_in:(\d+)/, 1],
  ['data_segs_out', /\bdata_segs_out:(\d+)/, 1],
  ['data_segs_in', /\bdata_segs_in:(\d+)/, 1],
  ['retransmits', /(?<!_)\bretrans:\d+\/(\d+)/, 1],
  ['rtt_us', /\brtt:([\d.]+)/, 1000],
  ['busy_us', /\bbusy:(\d+)ms/, 1000],
  ['rwnd_limited_us', /\brwnd_limited:(\d+)ms/, 1000],
  ['sndbuf_limited_us', /\bsndbuf_limited:(\d+)ms/, 1000],
];

function tcpFields(details: string): TcpFields {
  const found = FIGURES.map(([name, pattern, factor]) => [name, number(details, pattern, factor)] as const);
  return Object.fromEntries(found.filter(([, value]) => value !== null));
}

function number(text: string, pattern: RegExp, factor = 1): number | null {
  const found = pattern.exec(text);
  return found === null ? null : Math.round(Number(found[1]) * factor);
}
