// A server that is down, seen through pgnetflow by those who decide by it where to go: pg_isready, lists of hosts.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import type { Address } from '../../src/relay/address.ts';
import { fakeServer, freePort, socketPath } from '../support/peers.ts';
import { libpqEnvironment, run, succeed, temporaryDirectory } from '../support/programs.ts';
import { testProxy } from '../support/proxies.ts';
import { proxyBefore, type RunningProxy } from '../support/running_proxy.ts';
import { debianMissing, debianProgram, debianServer } from '../support/servers.ts';

const server = debianMissing === false ? await debianServer() : null;
const DRIVER = '/usr/share/java/postgresql.jar';
const java: string | false = !existsSync(DRIVER)
  ? `Debian's package libpostgresql-jdbc-java is not installed (${DRIVER})`
  : spawnSync('javac', ['-version']).status !== 0 && 'no Java compiler (javac)';

/** The ports of two proxies: before nothing, and before a server. */
async function deadAndLiving(): Promise<{ dead: number; living: number; running: RunningProxy }> {
  assert.ok(server !== null);
  const dead = await testProxy({ host: '127.0.0.1', port: await freePort() });
  const running = await proxyBefore(server);
  assert.ok('port' in dead.address);
  return { dead: dead.address.port, living: running.port, running };
}

const DOWN: Readonly<Record<string, () => Promise<Address>>> = {
  'refuses connections': async () => ({ host: '127.0.0.1', port: await freePort() }),
  'has no socket': async () => ({ path: socketPath() }),
  'has a name that is unknown': async () => ({ host: 'no-such-host.invalid', port: 5432 }),
  'closes before it has spoken': async () => {
    const upstream = await fakeServer();
    upstream.onPeer((peer) => peer.socket.once('data', () => peer.end()));
    return upstream.address;
  },
};

describe('with a server that is down', { skip: debianMissing }, () => {
  for (const [what, upstream] of Object.entries(DOWN)) {
    it(
      `(it ${what}) pg_isready does not say that connections are accepted`,
      { timeout: 20_000 },
      async () => {
        const proxy = await testProxy(await upstream());
        assert.ok('port' in proxy.address);
        const env = libpqEnvironment({ host: '127.0.0.1', port: proxy.address.port });
        const { code, stdout } = await run(debianProgram('pg_isready'), [], { env });
        assert.equal(code, 1, stdout);
        assert.match(stdout, /rejecting connections/);
      },
    );
  }

  it('psql goes on to the next host', { timeout: 20_000 }, async () => {
    const { dead, living, running } = await deadAndLiving();
    const hosts = `host=127.0.0.1,127.0.0.1 port=${dead},${living} user=postgres dbname=postgres`;
    const env = libpqEnvironment({ host: '127.0.0.1', port: dead });
    assert.equal(await succeed(debianProgram('psql'), ['-XAtc', 'select 23', hosts], { env }), '23\n');
    assert.equal((await running.settled()).sessions.length, 1);
  });

  it('pgjdbc goes on to the next host', { skip: java, timeout: 60_000 }, async () => {
    const { dead, living, running } = await deadAndLiving();
    const url = `jdbc:postgresql://127.0.0.1:${dead},127.0.0.1:${living}/postgres?user=postgres&sslmode=disable`;
    const program = path.join(temporaryDirectory(), 'NextHost.java');
    writeFileSync(
      program,
      `public class NextHost { public static void main(String[] a) throws Exception {
         try (var c = java.sql.DriverManager.getConnection(a[0]); var r = c.createStatement().executeQuery("select 23")) {
           r.next(); System.out.println(r.getInt(1)); } } }`,
    );
    assert.equal(await succeed('java', ['-cp', DRIVER, program, url], { env: process.env }), '23\n');
    assert.equal((await running.settled()).sessions.length, 1);
  });
});
