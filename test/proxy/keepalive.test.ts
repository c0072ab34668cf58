// Whether the kernel asks after the other end of a silent connection, as it says itself (ss).
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fakeServer } from '../support/peers.ts';
import { leave, onlySession, openPair, testProxy } from '../support/proxies.ts';
import { CLIENT_TLS, openTlsPair, UPSTREAM_TLS } from '../support/tls_peers.ts';

const timeout = 20_000;
const skip = spawnSync('ss', ['-V']).error !== undefined && 'there is no ss (iproute2)';

/** Seconds until the kernel asks, of the socket of this process that has these ends. */
function asksWithin(ends: { local: { port: number }; remote: { port: number } }): number {
  const filter = `sport = :${ends.local.port} and dport = :${ends.remote.port}`;
  const line = execFileSync('ss', ['-tnoH', filter], { encoding: 'utf8' });
  const [, minutes, seconds] = /timer:\(keepalive,(?:(\d+)min)?(?:(\d+)(?:\.\d+)?sec)?/.exec(line) ?? [];
  assert.ok(minutes !== undefined || seconds !== undefined, `no keepalive: ${line}`);
  return Number(minutes ?? 0) * 60 + Number(seconds ?? 0);
}

describe('--tcp-keepalive', { skip }, () => {
  test('is for both legs of a session, over TLS, too', { timeout }, async () => {
    for (const tls of [false, true]) {
      const upstream = await fakeServer();
      const options = {
        tcpKeepaliveMs: 300_000,
        ...(tls && { clientTls: CLIENT_TLS, upstreamTls: UPSTREAM_TLS }),
      };
      const proxy = await testProxy(upstream.address, options);
      const pair = tls
        ? await openTlsPair(proxy, upstream, { client: true, server: true })
        : await openPair(proxy, upstream);
      const { wire } = onlySession(proxy.proxy.report());
      for (const { local, remote } of [wire.client, wire.server]) {
        const within = asksWithin({ local: local!, remote: remote! });
        assert.ok(within > 200 && within <= 300, `${within} s`);
      }
      leave(pair);
      await proxy.settled();
    }
  });

  test('is left to the kernel otherwise', { timeout }, async () => {
    const upstream = await fakeServer();
    const proxy = await testProxy(upstream.address);
    const pair = await openPair(proxy, upstream);
    const { local, remote } = onlySession(proxy.proxy.report()).wire.client;
    const kernels = Number(readFileSync('/proc/sys/net/ipv4/tcp_keepalive_time', 'utf8'));
    const within = asksWithin({ local: local!, remote: remote! });
    assert.ok(within > kernels - 100 && within <= kernels, `${within} s`);
    leave(pair);
    await proxy.settled();
  });
});
