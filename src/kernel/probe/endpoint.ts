import { isIPv6 } from 'node:net';
import type { Filter } from './record.ts';
import type { Opened } from './stream_offsets.ts';

/** `127.0.0.1:5432`, `[::1]:5432`; an IPv4 address mapped into IPv6 as IPv4. */
export function endpointText(address: string, port: number): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  return isIPv6(plain) ? `[${plain}]:${port}` : `${plain}:${port}`;
}

/** Who opened a connection, as far as the ports that are looked for tell: clients connect to both of them. */
export function openedBy({ proxyPort, serverPort }: Filter, localPort: number, remotePort: number): Opened {
  if (localPort === proxyPort || localPort === serverPort) return 'there';
  return remotePort === proxyPort || remotePort === serverPort ? 'here' : null;
}
