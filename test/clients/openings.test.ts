// How a connection begins: whatever comes before the StartupMessage, or in its place, is answered as the server answers
// it, or with silence where the server is silent (ProcessStartupPacket of src/backend/tcop/backend_startup.c).
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PostgresServer } from '../../src/embedded/postgres.ts';
import type { Address } from '../../src/relay/address.ts';
import { client } from '../support/messages.ts';
import { connectTo } from '../support/peers.ts';
import { proxyBefore } from '../support/running_proxy.ts';
import { debianMissing, debianServer, embeddedServer } from '../support/servers.ts';
import { until } from '../support/until.ts';

const N = Buffer.from('N');

/** What a client sends, piece by piece: the next one when so many bytes have been answered. */
type Piece = readonly [bytes: Buffer, answered: number];

const STARTUP = client.startup({ user: 'postgres', database: 'postgres' });
const TLS_HELLO = Buffer.from([0x16, 0x03, 0x01, 0x00, 0x05, 1, 0, 0, 1, 3]);

function startupOf(version: number, rest: string): Buffer {
  const packet = Buffer.concat([Buffer.alloc(8), Buffer.from(rest)]);
  packet.writeInt32BE(packet.length);
  packet.writeInt32BE(version, 4);
  return packet;
}

const OPENINGS: Readonly<Record<string, readonly Piece[]>> = {
  'nothing at all': [],
  'half a length': [[Buffer.from([0, 0]), 0]],
  'a length and no more': [[Buffer.from([0, 0, 0, 80]), 0]],
  'half a StartupMessage': [[STARTUP.subarray(0, 17), 0]],
  'a length of 0': [[Buffer.alloc(8), 0]],
  'a length of 7': [[Buffer.from([0, 0, 0, 7, 0, 3, 0]), 0]],
  'a length of 10,005': [[Buffer.concat([Buffer.from([0, 0, 0x27, 0x15]), Buffer.alloc(16)]), 0]],
  'a negative length': [[Buffer.alloc(8, 0xff), 0]],
  'a Terminate message': [[client.terminate(), 0]],
  'an HTTP request': [[Buffer.from('GET / HTTP/1.1\r\n\r\n'), 0]],
  'a TLS handshake that nobody asked for': [[TLS_HELLO, 0]],
  'SSLRequest, and a StartupMessage': [
    [client.sslRequest(), 1],
    [STARTUP, 0],
  ],
  'GSSENCRequest, SSLRequest, and a StartupMessage': [
    [client.gssencRequest(), 1],
    [client.sslRequest(), 1],
    [STARTUP, 0],
  ],
  'SSLRequest, GSSENCRequest, and a StartupMessage': [
    [client.sslRequest(), 1],
    [client.gssencRequest(), 1],
    [STARTUP, 0],
  ],
  'SSLRequest twice': [
    [client.sslRequest(), 1],
    [client.sslRequest(), 0],
  ],
  'GSSENCRequest twice': [
    [client.gssencRequest(), 1],
    [client.gssencRequest(), 0],
  ],
  'a third request for encryption': [
    [client.gssencRequest(), 1],
    [client.sslRequest(), 1],
    [client.gssencRequest(), 0],
  ],
  'a StartupMessage right behind SSLRequest': [[Buffer.concat([client.sslRequest(), STARTUP]), 0]],
  'a StartupMessage right behind GSSENCRequest': [[Buffer.concat([client.gssencRequest(), STARTUP]), 0]],
  'a cancel request behind SSLRequest': [
    [client.sslRequest(), 1],
    [client.cancel(1, Buffer.from('none')), 0],
  ],
  'a cancel request without a key': [[client.cancel(1, Buffer.alloc(0)), 0]],
  'a cancel request with a key of 257 bytes': [[client.cancel(1, Buffer.alloc(257)), 0]],
  'a cancel request with half a process id': [[startupOf(80877102, 'xy'), 0]],
  'protocol 2.0': [[startupOf(0x0002_0000, 'x'.repeat(288)), 0]],
  'protocol 4.0': [[startupOf(0x0004_0000, 'user\0postgres\0\0'), 0]],
  'a version that nobody knows': [[startupOf((1234 << 16) | 5555, 'user\0postgres\0\0'), 0]],
  'a StartupMessage without parameters': [[startupOf(0x0003_0000, ''), 0]],
  'a StartupMessage without a user': [[startupOf(0x0003_0000, '\0'), 0]],
  'a StartupMessage without an end': [[startupOf(0x0003_0000, 'user\0postgres\0database\0'), 0]],
  'a StartupMessage with more behind its end': [[startupOf(0x0003_0000, 'user\0postgres\0\0xyz'), 0]],
};

/** What is answered to an opening until the server closes, or for a StartupMessage that is taken until its first message. */
async function answerTo(pieces: readonly Piece[], address: Address): Promise<string> {
  const peer = await connectTo(address);
  const read: Buffer[] = [];
  for (const [bytes, answered] of pieces) {
    peer.send(bytes);
    if (answered > 0) read.push(await peer.receive(answered));
  }
  const last = pieces.at(-1)?.[0] ?? Buffer.alloc(0);
  // The server waits for more, or would ask questions: the client's leaving is its next word.
  const isIncomplete =
    last.length < 4 || (last.readUInt32BE(0) <= 10_004 && last.readUInt32BE(0) > last.length);
  if (last.equals(STARTUP)) peer.send(client.terminate());
  else if (isIncomplete) peer.end();
  read.push(await peer.receiveAll());
  peer.end();
  await until(() => peer.closed, 'the close');
  return describeAnswers(Buffer.concat(read));
}

/** Answers to requests for encryption, then messages: types, and the fields of errors that do not tell source lines. */
function describeAnswers(bytes: Buffer): string {
  let at = 0;
  while (bytes.subarray(at, at + 1).equals(N) && bytes[at + 1] !== 0) at += 1;
  const told = [bytes.toString('latin1', 0, at)];
  while (at < bytes.length) {
    const end = at + 1 + bytes.readInt32BE(at + 1);
    const type = String.fromCharCode(bytes[at]!);
    const fields = bytes.toString('utf8', at + 5, end).split('\0');
    told.push(type === 'E' ? `E ${fields.filter((field) => /^[SVCMDH]/.test(field)).join(' ')}` : type);
    at = end;
  }
  // Servers before 18 know no 3.2.
  return told.join('|').replace(/server supports 3\.0 to 3\.\d/, 'server supports 3.0 to 3.x');
}

const servers: readonly (readonly [string, PostgresServer | null, string | false])[] = [
  ['PostgreSQL of the npm package', await embeddedServer(), false],
  ["Debian's PostgreSQL", debianMissing === false ? await debianServer() : null, debianMissing],
];

/** The reason to skip openings that ask for GSSAPI encryption, which pgnetflow never speaks, or false. */
async function gssapiOf(server: PostgresServer | null): Promise<string | false> {
  if (server === null) return false;
  const peer = await connectTo(server);
  peer.send(client.gssencRequest());
  const answer = await peer.receive(1);
  peer.destroy();
  return answer.equals(N) ? false : 'this server speaks GSSAPI encryption, and pgnetflow does not';
}

for (const [name, server, missing] of servers) {
  const gssapi = await gssapiOf(server);
  describe(`a connection through pgnetflow to ${name}`, { skip: missing }, () => {
    for (const [opening, pieces] of Object.entries(OPENINGS)) {
      const asksForGssapi = pieces.some(([bytes]) => bytes.subarray(0, 8).equals(client.gssencRequest()));
      const skip = asksForGssapi && gssapi;
      it(`that begins with ${opening} is answered as directly`, { skip, timeout: 20_000 }, async () => {
        assert.ok(server !== null);
        const proxy = await proxyBefore(server);
        assert.equal(await answerTo(pieces, proxy), await answerTo(pieces, server));
        const { sessions } = await proxy.settled();
        for (const session of sessions) assert.deepEqual(session.imbalances, []);
      });
    }
  });
}
