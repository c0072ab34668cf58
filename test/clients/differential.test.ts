// What a server answers directly it answers through the proxy, byte for byte: the client's side of each story, and of
// random ones, is sent to both.
import assert from 'node:assert/strict';
import path from 'node:path';
import { before, describe, it } from 'node:test';
import fc from 'fast-check';
import { pino } from 'pino';
import type { PostgresOptions, PostgresServer } from '../../src/embedded/postgres.ts';
import type { Address } from '../../src/relay/address.ts';
import { type Proxy, startProxy } from '../../src/proxy/proxy.ts';
import { client as c } from '../support/messages.ts';
import { randomStory } from '../support/random_story.ts';
import { debianMissing, debianServer, embeddedServer, olderThan } from '../support/servers.ts';
import { STORIES } from '../support/stories.ts';
import type { Story } from '../support/story.ts';
import { connectTo, type Peer } from '../support/peers.ts';
import { temporaryDirectory } from '../support/programs.ts';
import { certificate, CLIENT_TLS, connectTls, encrypt, UPSTREAM_TLS } from '../support/tls_peers.ts';
import { assertConserved } from '../support/conservation.ts';
import { until } from '../support/until.ts';

const RANDOM_SEED = 997;
const SLEEPS = 'pg_sleep';

/** The client's side of a story; null for one that a real server cannot play. */
function requestsOf(story: Story): Buffer | null {
  const lines = story.lines.filter(({ from }) => from === 'client').map(({ bytes }) => bytes);
  // An unknown message makes the server close with bytes unread, which may reset the connection before its last words.
  if (story.end !== undefined || lines.some((bytes) => bytes[0] === 0x21)) return null;
  if (lines.some((bytes) => bytes.includes(SLEEPS))) return null;
  // Whatever comes late in a COPY comes in pieces of its own here.
  return Buffer.concat([...lines, c.sync(), c.terminate()]);
}

/** How a connection is encrypted: not at all, after an SSLRequest, or from its first byte on. */
type Encryption = 'none' | 'asked' | 'direct';

async function open(address: Address, encryption: Encryption): Promise<Peer> {
  if (encryption === 'asked') return connectTls(address);
  const raw = await connectTo(address);
  return encryption === 'none' ? raw : encrypt(raw, { ALPNProtocols: ['postgresql'] });
}

/** All that a server answers; process ids and keys aside. */
async function answers(address: Address, requests: Buffer, encryption: Encryption = 'none'): Promise<Buffer> {
  const peer = await open(address, encryption);
  // Truncated, so that both runs find the same.
  peer.send(c.startup({ user: 'postgres', database: 'postgres' }), c.query('truncate t'), requests);
  const replies = await peer.receiveAll();
  peer.destroy();
  return withoutKeys(replies);
}

function withoutKeys(replies: Buffer): Buffer {
  for (let at = 0; at + 5 <= replies.length;) {
    const end = at + 1 + replies.readInt32BE(at + 1);
    if (replies[at] === 0x4b) replies.fill(0, at + 5, end);
    at = end;
  }
  return replies;
}

const STORIES_AND_RANDOM = [...STORIES, ...fc.sample(randomStory, { seed: RANDOM_SEED, numRuns: 97 })];

/** How a client reaches the proxy, and the proxy the server. */
interface Way {
  readonly socket: 'TCP' | 'Unix';
  readonly client: Encryption;
  readonly server: Encryption;
}

const WAYS: Readonly<Record<string, Way>> = {
  TCP: { socket: 'TCP', client: 'none', server: 'none' },
  'a Unix-domain socket': { socket: 'Unix', client: 'none', server: 'none' },
  'TLS on the client leg': { socket: 'TCP', client: 'asked', server: 'none' },
  'TLS on the server leg': { socket: 'TCP', client: 'none', server: 'asked' },
  'TLS on both legs': { socket: 'TCP', client: 'asked', server: 'asked' },
  'direct TLS on the client leg': { socket: 'TCP', client: 'direct', server: 'none' },
  'direct TLS on the server leg': { socket: 'TCP', client: 'none', server: 'direct' },
  'direct TLS on both legs': { socket: 'TCP', client: 'direct', server: 'direct' },
};

/** A server's address. */
function addressOf(server: PostgresServer, socket: Way['socket']): Address {
  if (socket === 'TCP') return { host: server.host, port: server.port };
  return { path: path.join(server.socketDirectory, `.s.PGSQL.${server.port}`) };
}

async function proxyOn(server: PostgresServer, way: Way): Promise<Proxy> {
  const listen: Address =
    way.socket === 'TCP'
      ? { host: '127.0.0.1', port: 0 }
      : { path: path.join(temporaryDirectory(), '.s.PGSQL.5432') };
  return startProxy({
    listen: [listen],
    upstream: addressOf(server, way.socket),
    ...(way.client !== 'none' && { clientTls: CLIENT_TLS }),
    ...(way.server !== 'none' && {
      upstreamTls: { ...UPSTREAM_TLS, negotiation: way.server === 'direct' ? 'direct' : 'postgres' },
    }),
    log: pino({ level: 'silent' }),
  });
}

const withTls: PostgresOptions = {
  files: { 'server.crt': certificate.cert, 'server.key': certificate.key },
  settings: { ssl: 'on' },
};

const [embedded, debian] = await Promise.all([
  embeddedServer(withTls),
  debianMissing === false ? debianServer(withTls) : null,
]);

for (const [name, server, missing] of [
  ['PostgreSQL of the npm package', embedded, false],
  ["Debian's PostgreSQL", debian, debianMissing],
] as const) {
  describe(name, { skip: missing }, () => {
    before(async () => {
      const create = Buffer.concat([c.query('create table t (n int)'), c.terminate()]);
      await answers(addressOf(server!, 'TCP'), create);
    });

    for (const [description, way] of Object.entries(WAYS)) {
      const skip = server !== null && way.server === 'direct' && olderThan(17, server, 'direct TLS');
      it(
        `gives the same bytes back as the server itself, through the proxy over ${description}`,
        {
          skip,
        },
        async () => {
          const direct = addressOf(server!, way.socket);
          const proxy = await proxyOn(server!, way);
          const [through] = proxy.addresses;
          let played = 0;
          for (const [index, story] of STORIES_AND_RANDOM.entries()) {
            const requests = requestsOf(story);
            if (requests === null) continue;
            const expected = await answers(direct, requests, way.server);
            const found = await answers(through!, requests, way.client);
            assert.ok(expected.length > 300, `${story.name} (${index})`);
            assert.equal(found.toString('latin1'), expected.toString('latin1'), `${story.name} (${index})`);
            played += 1;
          }
          assert.ok(played > STORIES_AND_RANDOM.length / 2, `${played} played`);
          await until(() => proxy.openSessions === 0, 'the end of all sessions');
          const report = proxy.stop();
          assertConserved(report);
          for (const { accounts, wire } of report.sessions) {
            assert.deepEqual([accounts.opaque.R, accounts.opaque.S], [0, 0]);
            assert.equal(wire.client.tls?.protocol, way.client === 'none' ? undefined : 'TLSv1.3');
            assert.equal(wire.server.tls?.protocol, way.server === 'none' ? undefined : 'TLSv1.3');
          }
        },
      );
    }
  });
}
