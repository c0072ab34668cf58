import { isIP } from 'node:net';
import { type Bounds, runBounded } from './bounded_program.ts';
import { type Descriptor, formatSocketAddress, type SocketAddress } from './descriptors.ts';
import { type Fact, absent, known, valueOf } from './fact.ts';
import type { ProcessTitle } from './process_title.ts';
import { parseTcpInfo, type TcpInfo } from './tcp_info.ts';

/** A backend's connection to its client. */
export interface ClientSocket {
  readonly peer: SocketAddress;
  /** The server's end; null when its descriptors could not be looked at. */
  readonly local: SocketAddress | null;
}

/** The connection to a client: null over a Unix-domain socket, and for a process without a client. */
export function findClient(
  title: ProcessTitle | null,
  descriptors: Fact<readonly Descriptor[]>,
): Fact<ClientSocket | null> {
  if (title === null) return absent('the process has no title');
  const { client } = title;
  if (client === null || client.port === 0) return known(null);
  const sockets = (valueOf(descriptors) ?? []).flatMap((descriptor) =>
    descriptor.kind === 'socket' && descriptor.socket?.family === 'tcp' ? [descriptor.socket] : [],
  );
  const socket = sockets.find(({ peer }) => peer.port === client.port);
  if (socket !== undefined) return known(socket);
  if (isIP(client.host) !== 0) {
    return known({ peer: { address: client.host, port: client.port }, local: null });
  }
  return absent(`the title names it as ${client.host}, and its socket could not be looked at`);
}

/** What the kernel says of the server's end of that connection; anybody may ask. */
export async function readTcpInfo(client: Fact<ClientSocket | null>, bounds: Bounds): Promise<Fact<TcpInfo>> {
  if (!client.known) return client;
  if (client.value === null) return absent('there is no TCP connection to a client');
  const output = await runBounded('ss', ['-tinHO', `dport = :${client.value.peer.port}`], bounds);
  return output.known ? pickTcpInfo(output.value, client.value) : output;
}

/** A client's port may have connections to other servers, too: without the server's own end they cannot be told apart. */
export function pickTcpInfo(output: string, { peer, local }: ClientSocket): Fact<TcpInfo> {
  const found = output
    .split('\n')
    .map(parseTcpInfo)
    .filter((info) => info !== null)
    .filter((info) => same(info.peer, peer) && (local === null || same(info.local, local)));
  const [info, ...others] = found;
  const name = formatSocketAddress(peer);
  if (info === undefined) return absent(`ss shows no connection to ${name} (another network namespace?)`);
  return others.length === 0 ? known(info) : absent(`ss shows several connections to ${name}`);
}

function same(one: SocketAddress, other: SocketAddress): boolean {
  return one.address === other.address && one.port === other.port;
}
