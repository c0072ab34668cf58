// The console beside PgBouncer's own, and an exporter that was made for that.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import pg from 'pg';
import { connectAs, enterConsole } from '../../support/console.ts';
import { connectTo, freePort } from '../../support/peers.ts';
import { start, temporaryDirectory } from '../../support/programs.ts';
import { proxyBefore } from '../../support/running_proxy.ts';
import { embeddedServer } from '../../support/servers.ts';
import { until } from '../../support/until.ts';

const PGBOUNCER = '/usr/sbin/pgbouncer';
const EXPORTER = '/usr/bin/prometheus-pgbouncer-exporter';
const noPgbouncer = !existsSync(PGBOUNCER) && `Debian's package pgbouncer is not installed (${PGBOUNCER})`;
const noExporter =
  !existsSync(EXPORTER) && `Debian's package prometheus-pgbouncer-exporter is not installed (${EXPORTER})`;

const COMMANDS = [
  'STATS',
  'STATS_TOTALS',
  'STATS_AVERAGES',
  'TOTALS',
  'CLIENTS',
  'SERVERS',
  'POOLS',
  'LISTS',
  'DATABASES',
  'USERS',
  'CONFIG',
  'VERSION',
];

const server = await embeddedServer();

/** A PgBouncer; its port. */
async function pgbouncer(): Promise<number> {
  const port = await freePort();
  const directory = temporaryDirectory();
  const file = path.join(directory, 'pgbouncer.ini');
  writeFileSync(
    file,
    `[databases]
postgres = host=127.0.0.1 port=${server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
admin_users = postgres
`,
  );
  const isRoot = process.getuid?.() === 0;
  const user = isRoot ? ['-u', 'nobody'] : [];
  // It reads its file as that user.
  if (isRoot) chmodSync(directory, 0o755);
  start(PGBOUNCER, [...user, file], { env: { PATH: process.env['PATH'] } });
  await until(async () => {
    const peer = await connectTo({ host: '127.0.0.1', port }).catch(() => null);
    peer?.destroy();
    return peer !== null;
  }, 'PgBouncer');
  return port;
}

/** Names and types of the columns of an answer. */
async function columnsOf(client: pg.Client, command: string): Promise<string[]> {
  const { fields } = await client.query(`SHOW ${command}`);
  return fields.map(({ name, dataTypeID }) => `${name} ${dataTypeID}`);
}

describe('for whoever knows PgBouncer', { skip: noPgbouncer }, () => {
  it('each command that both have has its columns first, in its order and of its types', async () => {
    const running = await proxyBefore(server);
    const theirs = await connectAs({ host: '127.0.0.1', port: await pgbouncer() }, { database: 'pgbouncer' });
    const ours = await enterConsole(running);
    for (const command of COMMANDS) {
      const expected = await columnsOf(theirs, command);
      assert.ok(expected.length > 0, command);
      assert.deepEqual((await columnsOf(ours, command)).slice(0, expected.length), expected, command);
    }
  });
});

describe('an exporter made for PgBouncer', { skip: noExporter }, () => {
  it('scrapes the console without an error', async () => {
    const running = await proxyBefore(server, {
      console: { database: 'postgres', alias: 'pgbouncer', settings: [] },
    });
    const client = await connectAs(running);
    for (let n = 0; n < 23; n += 1) await client.query('select 1');
    const port = await freePort();
    const { child, finished } = start(
      EXPORTER,
      [
        ...`--host 127.0.0.1 --port ${port} --pgbouncer-host 127.0.0.1`.split(' '),
        ...`--pgbouncer-port ${running.port} --pgbouncer-user postgres`.split(' '),
      ],
      { env: { PATH: process.env['PATH'], LICENCE_LOCATION: '/dev/null' } },
    );
    let metrics = '';
    await until(async () => {
      if (child.exitCode !== null) throw new Error((await finished).stderr);
      const response = await fetch(`http://127.0.0.1:${port}/metrics`).catch(() => null);
      metrics = (await response?.text()) ?? '';
      return metrics !== '';
    }, 'the exporter');
    child.kill();
    const { stderr } = await finished;
    assert.match(
      metrics,
      /^pgbouncer_sent_bytes_total\{.*database="postgres".*\} [1-9]/m,
      `${metrics}\n${stderr}`,
    );
    assert.doesNotMatch(stderr, /Traceback|error/i);
  });
});
