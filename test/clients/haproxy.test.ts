// psql through HAProxy, which tells for whom it connects.
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { connectTo, freePort } from '../support/peers.ts';
import { libpqEnvironment, start, succeed, temporaryDirectory } from '../support/programs.ts';
import { proxyBefore } from '../support/running_proxy.ts';
import { debianProgram, debianMissing, debianServer } from '../support/servers.ts';
import { until } from '../support/until.ts';

const HAPROXY = '/usr/sbin/haproxy';
const skip = existsSync(HAPROXY) ? debianMissing : `Debian's package haproxy is not installed (${HAPROXY})`;
const server = skip === false ? await debianServer() : null;

describe('HAProxy', { skip }, () => {
  for (const option of ['send-proxy', 'send-proxy-v2']) {
    it(`with ${option}: the books name psql's own address, Ctrl-C included`, async () => {
      const proxy = await proxyBefore(server!, {
        proxyProtocolFrom: [{ address: '127.0.0.1', prefix: 32 }],
      });
      const port = await freePort();
      const file = path.join(temporaryDirectory(), 'haproxy.cfg');
      writeFileSync(
        file,
        `defaults
  mode tcp
  timeout connect 10s
  timeout client 1m
  timeout server 1m
listen postgresql
  bind 127.0.0.1:${port}
  server pgnetflow 127.0.0.1:${proxy.port} ${option}
`,
      );
      const haproxy = start(HAPROXY, ['-db', '-f', file], { env: { PATH: process.env['PATH'] } });
      await until(async () => {
        const peer = await connectTo({ host: '127.0.0.1', port }).catch(() => null);
        peer?.destroy();
        return peer !== null;
      }, 'HAProxy');
      await until(() => proxy.proxy.openSessions === 0, 'the end of the probe');
      const psql = debianProgram('psql');
      const env = libpqEnvironment({ host: '127.0.0.1', port });
      const where = 'select inet_client_addr() is not null';
      assert.equal(await succeed(psql, ['-XAtc', where], { env }), 't\n');

      const sleeping = start(psql, ['-X', '-c', 'select pg_sleep(61)'], { env });
      await until(
        () =>
          proxy.proxy
            .report()
            .sessions.some(({ ended_at, statement_count }) => ended_at === null && statement_count === 1),
        'the statement',
      );
      await until(
        async () =>
          (await succeed(
            psql,
            [
              '-XAtc',
              "select count(*) from pg_stat_activity where state = 'active' and query = 'select pg_sleep(61)'",
            ],
            { env: libpqEnvironment(server!) },
          )) === '1\n',
        'the server to run it',
      );
      sleeping.child.kill('SIGINT');
      await sleeping.finished;
      haproxy.child.kill('SIGTERM');
      await haproxy.finished;

      const { sessions, cancels } = await proxy.settled();
      const told = sessions.filter(({ statement_count }) => statement_count > 0);
      assert.equal(told.length, 2);
      for (const { client, via, wire } of told) {
        assert.equal(client.address, '127.0.0.1');
        assert.ok(via !== null && via.port !== client.port, 'psql and HAProxy have ports of their own');
        assert.ok(wire.client.own_in > 0);
      }
      assert.deepEqual(
        cancels.map(({ outcome, via }) => [outcome, via?.address]),
        [['cancelled', '127.0.0.1']],
      );
    });
  }
});
