import { isIPv6, SocketAddress } from 'node:net';
import type { EndpointRecord } from '../report/model.ts';

/** Names a TCP socket by its two ends; the same text for the same ends, whoever has written them down. */
export function socketKey(local: string, remote: string): string {
  return `${local} ${remote}`;
}

/** As {@link canonicalEnd}, of an end as the report has it. */
export function endOf({ address, port }: EndpointRecord): string {
  return canonicalEnd(address, port);
}

/** As {@link canonicalEnd}, of an end as a record has it: `127.0.0.1:5432`, `[::1]:5432`. */
export function parseEnd(text: string): string {
  const colon = text.lastIndexOf(':');
  const address = text.slice(0, Math.max(colon, 0)).replace(/^\[(.*)\]$/, '$1');
  return canonicalEnd(address, Number(text.slice(colon + 1)));
}

/** One spelling of each address: IPv6 as short as can be and without its zone, IPv4 not mapped into it. */
function canonicalEnd(address: string, port: number): string {
  const [plain] = address.split('%');
  if (!isIPv6(plain!)) return `${plain}:${port}`;
  const short = new SocketAddress({ address: plain!, family: 'ipv6' }).address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(short);
  return mapped === null ? `[${short}]:${port}` : `${mapped[1]}:${port}`;
}
