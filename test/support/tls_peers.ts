// Peers that speak TLS, and a wire between two ends that counts what the sockets carry.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after } from 'node:test';
import tls, { TLSSocket } from 'node:tls';
import { resetSocket } from '../../src/relay/reset.ts';
import type { ClientTls } from '../../src/relay/client_tls.ts';
import type { Address } from '../../src/relay/address.ts';
import type { UpstreamTls } from '../../src/relay/upstream_tls.ts';
import { Authority, contextOf } from './certificates.ts';
import { client as c } from './messages.ts';
import { connectTo, type FakeServer, Peer } from './peers.ts';
import { greeting, type Pair, type TestProxy } from './proxies.ts';

export const authority = new Authority('pgnetflow test authority');
export const certificate = authority.issue('localhost', ['DNS:localhost', 'IP:127.0.0.1']);

export const CLIENT_TLS: ClientTls = {
  mode: 'allow',
  context: contextOf(certificate),
  verifyClients: false,
};
export const UPSTREAM_TLS: UpstreamTls = {
  mode: 'require',
  negotiation: 'postgres',
  verifyAuthority: true,
  context: contextOf(null, authority),
};

/** Goes on over TLS, as a client. */
export async function encrypt(raw: Peer, options: tls.ConnectionOptions = {}): Promise<Peer> {
  raw.socket.removeAllListeners('data');
  const socket = tls.connect({ socket: raw.socket, ca: authority.cert, servername: 'localhost', ...options });
  const peer = new Peer(socket, raw.socket);
  await handshake(socket, 'secureConnect');
  return peer;
}

/** Connects as a client, asks for TLS and has it. */
export async function connectTls(address: Address, options: tls.ConnectionOptions = {}): Promise<Peer> {
  const raw = await connectTo(address);
  raw.send(c.sslRequest());
  assert.equal((await raw.receive(1)).toString(), 'S');
  return encrypt(raw, options);
}

/** Has been asked for TLS as a server, and says yes. */
export async function acceptTls(upstream: FakeServer, options: tls.TLSSocketOptions = {}): Promise<Peer> {
  const raw = await upstream.accept();
  assert.deepEqual(await raw.receive(8), c.sslRequest());
  raw.send(Buffer.from('S'));
  return wrapServer(raw, options);
}

/** Speaks TLS as a server, at once. */
export async function acceptDirectTls(
  upstream: FakeServer,
  options: tls.TLSSocketOptions = {},
): Promise<Peer> {
  const raw = await upstream.accept();
  // What has come already is the beginning of the handshake.
  if (raw.receivedBytes > 0) raw.socket.unshift(await raw.receive(raw.receivedBytes));
  return wrapServer(raw, options);
}

async function wrapServer(raw: Peer, options: tls.TLSSocketOptions = {}): Promise<Peer> {
  raw.socket.removeAllListeners('data');
  const secureContext = contextOf(certificate).current;
  const peer = new Peer(new TLSSocket(raw.socket, { isServer: true, secureContext, ...options }), raw.socket);
  await handshake(peer.socket, 'secure');
  return peer;
}

/** Opens a session with TLS on the legs that are named. */
export async function openTlsPair(
  proxy: TestProxy,
  upstream: FakeServer,
  legs: { readonly client: boolean; readonly server: boolean },
  address: Address = proxy.address,
): Promise<Pair> {
  const startup = c.startup();
  const client = await (legs.client ? connectTls(address) : connectTo(address));
  client.send(startup);
  const server = await (legs.server ? acceptTls(upstream) : upstream.accept());
  assert.deepEqual(await server.receive(startup.length), startup);
  server.send(greeting);
  assert.deepEqual(await client.receive(greeting.length), greeting);
  return { client, server };
}

/** Opens a session whose TLS the proxy passes through, to the first ReadyForQuery. */
export async function openPassthrough(
  proxy: TestProxy,
  upstream: FakeServer,
  negotiation: 'asked' | 'direct' = 'asked',
): Promise<Pair> {
  const direct = negotiation === 'direct';
  const alpn = { ALPNProtocols: ['postgresql'] };
  const raw = await proxy.connect();
  if (!direct) raw.send(c.sslRequest());
  const clientComes = direct ? encrypt(raw, alpn) : raw.receive(1).then(() => encrypt(raw));
  const server = await (direct ? acceptDirectTls(upstream, alpn) : acceptTls(upstream));
  const client = await clientComes;
  client.send(c.startup());
  await server.receive(c.startup().length);
  server.send(greeting);
  await client.receive(greeting.length);
  return { client, server };
}

/** Resolves when a handshake is over, whatever its outcome. */
async function handshake(socket: net.Socket, success: string): Promise<void> {
  await new Promise<void>((resolve) => {
    for (const event of [success, 'end', 'error', 'close']) socket.once(event, () => resolve());
  });
}

/** A wire with one connection: passes all on, closes and resets too, and counts what was received at either end. */
export interface Wiretap {
  readonly address: Address;
  /** From whoever connected to the wire. */
  readonly forth: { bytes: number };
  /** To whoever connected to the wire. */
  readonly back: { bytes: number };
}

/** Is given every chunk of a direction. */
export interface Listening {
  forth(chunk: Buffer): void;
  back(chunk: Buffer): void;
}

export async function wiretap(to: Address, listening?: Listening): Promise<Wiretap> {
  const counts = { forth: { bytes: 0 }, back: { bytes: 0 } };
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const far = net.connect({ ...to, allowHalfOpen: true, noDelay: true });
    after(() => far.destroy());
    join(near, far, counts.forth, (chunk) => listening?.forth(chunk));
    join(far, near, counts.back, (chunk) => listening?.back(chunk));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  after(() => server.close());
  const bound = server.address();
  assert.ok(bound !== null && typeof bound !== 'string');
  return { address: { host: '127.0.0.1', port: bound.port }, ...counts };
}

function join(
  from: net.Socket,
  to: net.Socket,
  count: { bytes: number },
  hear: (chunk: Buffer) => void,
): void {
  from.on('data', (chunk: Buffer) => {
    count.bytes += chunk.length;
    hear(chunk);
    if (!to.write(chunk)) from.pause();
  });
  to.on('drain', () => from.resume());
  from.on('end', () => to.end());
  from.on('error', () => resetSocket(to));
}
