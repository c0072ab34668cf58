// Whoever is cut off in full flow, on whatever leg: what was not passed on counts as not passed on, and the books balance.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cutProxyTarget } from '../support/cut_wire.ts';
import { client } from '../support/messages.ts';
import { connectTo, type Peer } from '../support/peers.ts';
import { type TestOptions, testProxy } from '../support/proxies.ts';
import { embeddedServer } from '../support/servers.ts';
import { authority, certificate, CLIENT_TLS, connectTls, UPSTREAM_TLS } from '../support/tls_peers.ts';
import { withTls } from '../support/tls_server.ts';
import { until } from '../support/until.ts';

const server = await embeddedServer(withTls(authority, certificate));
const ROUNDS = 5;
const AT_ONCE = 10;

/** Questions whose answers are much longer than they are, and long ones: both directions are full. */
const PIPELINE = Buffer.concat(
  Array.from({ length: 53 }, (_, at) => [
    client.query(`select repeat('x', 1009) from generate_series(1, ${at * 3 + 1})`),
    client.query(`select length('${'y'.repeat(99_991)}')`),
  ]).flat(),
);

const LEGS: Readonly<Record<string, { readonly client: boolean; readonly server: boolean }>> = {
  'no leg': { client: false, server: false },
  'the client leg': { client: true, server: false },
  'the server leg': { client: false, server: true },
  'both legs': { client: true, server: true },
};

/** A small generator of its own (LCG of Numerical Recipes), so that a failure can be repeated. */
function randoms(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state % below;
  };
}

describe('the books balance', () => {
  for (const [name, legs] of Object.entries(LEGS)) {
    for (const [who, seed] of [
      ['clients are', 3],
      ['the wire to the server is', 5],
    ] as const) {
      it(`when ${who} cut off at random moments, with TLS on ${name}`, { timeout: 120_000 }, async () => {
        const random = randoms(seed);
        const wire = await cutProxyTarget({ host: server.host, port: server.port });
        const options: TestOptions = {
          ...(legs.client && { clientTls: CLIENT_TLS }),
          ...(legs.server && { upstreamTls: UPSTREAM_TLS }),
        };
        const proxy = await testProxy(wire.address, options);
        const open = (): Promise<Peer> =>
          legs.client ? connectTls(proxy.address) : connectTo(proxy.address);
        for (let round = 0; round < ROUNDS; round += 1) {
          await Promise.all(
            Array.from({ length: AT_ONCE }, async () => {
              const peer = await open();
              peer.digest();
              peer.send(client.startup({ user: 'postgres', database: 'postgres' }), PIPELINE);
              // It asks faster than it reads, as a client does that pipelines.
              const after = random(3_000_000);
              if (random(2) === 0) peer.pause();
              const isGone = (): boolean => peer.ended || peer.closed;
              await until(
                () => peer.receivedBytes > after || peer.socket.isPaused() || isGone(),
                'some of it',
              );
              if (who === 'clients are') {
                // With something unread, that is a reset.
                peer.destroy();
                return;
              }
              wire.cutOne(random);
              peer.resume();
              await until(isGone, 'the end');
              peer.destroy();
            }),
          );
        }
        const { sessions } = await proxy.settled();
        assert.ok(sessions.length >= ROUNDS * AT_ONCE);
      });
    }
  }
});
