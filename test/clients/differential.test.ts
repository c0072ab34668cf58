// What a server answers directly it answers through the proxy, byte for byte: the client's side of each story, and of
// random ones, is sent to both.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import { before, describe, it } from 'node:test';
import fc from 'fast-check';
import { pino } from 'pino';
import type { PostgresServer } from '../../src/embedded/postgres.ts';
import type { Address } from '../../src/relay/address.ts';
import { startProxy } from '../../src/proxy/proxy.ts';
import { client as c } from '../support/messages.ts';
import { randomStory } from '../support/random_story.ts';
import { assertConserved, until } from '../support/running_proxy.ts';
import { debianMissing, debianServer, embeddedServer } from '../support/servers.ts';
import { STORIES } from '../support/stories.ts';
import type { Story } from '../support/story.ts';
import { temporaryDirectory } from '../support/programs.ts';

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

/** All that a server answers; process ids and keys aside. */
async function answers(address: Address, requests: Buffer): Promise<Buffer> {
  const socket = net.connect({ ...address, noDelay: true });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'connect');
  const closed = once(socket, 'close');
  socket.write(c.startup({ user: 'postgres', database: 'postgres' }));
  // Truncated, so that both runs find the same.
  socket.write(c.query('truncate t'));
  socket.write(requests);
  await closed;
  return withoutKeys(Buffer.concat(chunks));
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

/** A server's address. */
function addressOf(server: PostgresServer, transport: 'TCP' | 'a Unix-domain socket'): Address {
  if (transport === 'TCP') return { host: server.host, port: server.port };
  return { path: path.join(server.socketDirectory, `.s.PGSQL.${server.port}`) };
}

const [embedded, debian] = await Promise.all([
  embeddedServer(),
  debianMissing === false ? debianServer() : null,
]);

for (const [name, server, skip] of [
  ['PostgreSQL of the npm package', embedded, false],
  ["Debian's PostgreSQL", debian, debianMissing],
] as const) {
  describe(name, { skip }, () => {
    before(async () => {
      const create = Buffer.concat([c.query('create table t (n int)'), c.terminate()]);
      await answers(addressOf(server!, 'TCP'), create);
    });

    for (const transport of ['TCP', 'a Unix-domain socket'] as const) {
      it(`gives the same bytes back as the server itself, through the proxy over ${transport}`, async () => {
        const direct = addressOf(server!, transport);
        const listen: Address =
          transport === 'TCP'
            ? { host: '127.0.0.1', port: 0 }
            : { path: path.join(temporaryDirectory(), '.s.PGSQL.5432') };
        const proxy = await startProxy({
          listen: [listen],
          upstream: direct,
          log: pino({ level: 'silent' }),
        });
        const [through] = proxy.addresses;
        let played = 0;
        for (const [index, story] of STORIES_AND_RANDOM.entries()) {
          const requests = requestsOf(story);
          if (requests === null) continue;
          const expected = await answers(direct, requests);
          const found = await answers(through!, requests);
          assert.ok(expected.length > 300, `${story.name} (${index})`);
          assert.equal(found.toString('latin1'), expected.toString('latin1'), `${story.name} (${index})`);
          played += 1;
        }
        assert.ok(played > STORIES_AND_RANDOM.length / 2, `${played} played`);
        await until(() => proxy.openSessions === 0, 'the end of all sessions');
        const report = proxy.stop();
        assertConserved(report);
        for (const session of report.sessions) {
          assert.deepEqual([session.accounts.opaque.R, session.accounts.opaque.S], [0, 0]);
        }
      });
    }
  });
}
