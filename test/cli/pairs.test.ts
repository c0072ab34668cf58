// `pgnetflow proxy` before two real servers, as a configuration file pairs them: one with TLS on both legs, one without.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { TLSSocket } from 'node:tls';
import type pg from 'pg';
import type { PostgresServer } from '../../src/embedded/postgres.ts';
import type { ReportRecord } from '../../src/report/model.ts';
import { untilActive } from '../support/activity.ts';
import { Authority, type Certificate } from '../support/certificates.ts';
import { Command, runCommand } from '../support/command.ts';
import { assertConserved } from '../support/conservation.ts';
import { client as messages } from '../support/messages.ts';
import { connectTo, freePort, type Peer } from '../support/peers.ts';
import { temporaryDirectory } from '../support/programs.ts';
import { debianMissing, debianServer, embeddedServer } from '../support/servers.ts';
import { connectTls } from '../support/tls_peers.ts';
import { enter, LOCAL_NAMES, withTls } from '../support/tls_server.ts';

const authority = new Authority('pgnetflow test authority');
const serverCertificate = authority.issue('localhost', LOCAL_NAMES);
const [first, second] = [
  authority.issue('localhost', LOCAL_NAMES),
  authority.issue('localhost', LOCAL_NAMES),
];

const plain = await embeddedServer();
const secure = debianMissing === false ? await debianServer(withTls(authority, serverCertificate)) : null;

const LISTENS = /^pgnetflow listens on 127\.0\.0\.1:(\d+) and forwards to (\S+)\n/gm;

/** The ports, in the order of the file, once there are so many lines; and where each leads to. */
async function pairsOf(command: Command, count: number): Promise<{ port: number; upstream: string }[]> {
  await command.until('stderr', new RegExp(`(?:^pgnetflow listens on .*\\n){${count}}`, 'm'));
  return [...command.stderr.matchAll(LISTENS)].map(([, port, upstream]) => ({
    port: Number(port),
    upstream: upstream!,
  }));
}

const major = ({ version }: PostgresServer): number => Number.parseInt(version, 10);

interface Door {
  readonly port: number;
  readonly tls: boolean;
}

async function knock({ port, tls }: Door): Promise<pg.Client> {
  return enter(port, tls ? authority : null);
}

/** Runs a statement that never ends by itself, and cancels it through the same door, as psql would. */
async function cancelled(door: Door, server: PostgresServer): Promise<void> {
  const client = await knock(door);
  const sleeping = client.query('select pg_sleep(611)').then(
    () => 'it ended',
    (error: unknown) => Reflect.get(Object(error), 'code'),
  );
  await untilActive(server, 'select pg_sleep(611)');
  const secret = Buffer.alloc(4);
  secret.writeInt32BE(Number(Reflect.get(client, 'secretKey')));
  const carrier = await connectAs(door);
  carrier.send(messages.cancel(Number(Reflect.get(client, 'processID')), secret));
  await carrier.receiveAll();
  carrier.end();
  assert.equal(await sleeping, '57014');
  await client.end();
}

async function connectAs({ port, tls }: Door): Promise<Peer> {
  const address = { host: '127.0.0.1', port };
  return tls ? connectTls(address, { ca: authority.cert }) : connectTo(address);
}

describe('a configuration file with two servers', { skip: debianMissing }, () => {
  it('serves a PostgreSQL of Debian over TLS and that of npm without, cancels on each, and lives on when a third is gone', async () => {
    assert.ok(secure !== null);
    const folder = temporaryDirectory();
    const [config, reportFile] = [path.join(folder, 'pairs.yaml'), path.join(folder, 'report.json')];
    const [cert, key] = [path.join(folder, 'server.crt'), path.join(folder, 'server.key')];
    const install = (certificate: Certificate): void => {
      copyFileSync(certificate.certFile, cert);
      copyFileSync(certificate.keyFile, key);
    };
    install(first);
    writeFileSync(
      config,
      `report: json
report-file: ${reportFile}
tls-cert: ${first.certFile}
tls-key: ${first.keyFile}
upstream: 127.0.0.1:${plain.port}
listeners:
  - listen: 127.0.0.1:0
    upstream: localhost:${secure.port}
    client-tls: require
    tls-cert: ${cert}
    tls-key: ${key}
    upstream-tls: verify-full
    upstream-ca: ${authority.certFile}
  - listen: 127.0.0.1:0
    client-tls: disable
  - listen: 127.0.0.1:0
    upstream: 127.0.0.1:${await freePort()}
`,
    );
    const command = new Command(['proxy', '--config', config]);
    const pairs = await pairsOf(command, 3);
    assert.deepEqual(
      pairs.slice(0, 2).map(({ upstream }) => upstream),
      [`localhost:${secure.port}`, `127.0.0.1:${plain.port}`],
    );
    const [overTls, inTheClear, gone] = [
      { port: pairs[0]!.port, tls: true },
      { port: pairs[1]!.port, tls: false },
      { port: pairs[2]!.port, tls: false },
    ];
    const version = "select current_setting('server_version_num')::int / 10000 as version";
    const ssl = 'select ssl from pg_stat_ssl where pid = pg_backend_pid()';
    const oneByOne = async (door: Door): Promise<unknown[]> => {
      const client = await knock(door);
      const answers = [(await client.query(version)).rows[0], (await client.query(ssl)).rows[0]];
      await client.end();
      return answers;
    };
    assert.deepEqual(await oneByOne(overTls), [{ version: major(secure) }, { ssl: true }]);
    assert.deepEqual(await oneByOne(inTheClear), [{ version: major(plain) }, { ssl: false }]);
    await assert.rejects(knock({ ...overTls, tls: false }), { code: '28000' });
    await assert.rejects(knock({ ...inTheClear, tls: true }), /does not support SSL/);
    await assert.rejects(knock(gone), { code: '57P03' });
    await cancelled(overTls, secure);
    await cancelled(inTheClear, plain);

    const shown = async (port: number): Promise<string> => {
      const peer = await connectTls({ host: '127.0.0.1', port }, { ca: authority.cert });
      assert.ok(peer.socket instanceof TLSSocket);
      const { serialNumber } = peer.socket.getPeerCertificate();
      peer.destroy();
      return serialNumber;
    };
    const serial = ({ cert: pem }: Certificate): string => new X509Certificate(pem).serialNumber;
    assert.deepEqual([await shown(overTls.port), await shown(gone.port)], [serial(first), serial(first)]);
    install(second);
    command.kill('SIGHUP');
    await command.until('stderr', /TLS of listeners\[0\]: certificates and keys read again/);
    await command.until('stderr', /TLS of listeners\[2\]: certificates and keys read again/);
    assert.deepEqual([await shown(overTls.port), await shown(gone.port)], [serial(second), serial(first)]);
    writeFileSync(key, 'nonsense');
    command.kill('SIGHUP');
    await command.until(
      'stderr',
      /TLS of listeners\[0\]: the old .* stay in use: .*listeners\[0\]\.tls-key: /,
    );
    assert.equal(await shown(overTls.port), serial(second));

    command.kill('SIGTERM');
    assert.equal((await command.finished()).status, 0);
    const report: ReportRecord = JSON.parse(readFileSync(reportFile, 'utf8'));
    assertConserved(report);
    const told = report.sessions.filter(({ statement_count }) => statement_count > 0);
    assert.equal(told.length, 4);
    for (const session of told) {
      const isSecure = session.listener === `127.0.0.1:${overTls.port}`;
      assert.equal(session.upstream, pairs[isSecure ? 0 : 1]!.upstream);
      assert.equal(session.server?.port, isSecure ? secure.port : plain.port);
      assert.equal(session.server_version?.startsWith((isSecure ? secure : plain).version), true);
      assert.deepEqual(
        [session.wire.client.tls !== null, session.wire.server.tls !== null],
        [isSecure, isSecure],
      );
    }
    assert.deepEqual(
      report.cancels.map(({ outcome, upstream }) => [outcome, upstream]),
      pairs.slice(0, 2).map(({ upstream }) => ['cancelled', upstream]),
    );
  });
});

describe('a configuration file with listeners that cannot be used', () => {
  const folder = temporaryDirectory();
  const TWO = 'listeners:\n- {listen: ":0", upstream: db1}\n- ';
  const CASES: readonly [string, RegExp][] = [
    ['{listen: ":0", upstrem: db2}', /: listeners\[1\]: unknown setting "upstrem"; did you mean upstream\?$/],
    ['{listen: ":0"}', /: listeners\[1\]\.upstream is missing; /],
    [
      '{listen: ":0", upstream: db2, tls-cert: /no/such, tls-key: /no/such}',
      /: listeners\[1\]\.tls-cert: \/no\/such: there is no such file; check the path/,
    ],
    [
      `{listen: ":0", upstream: db2, tls-cert: ${first.certFile}, tls-key: ${second.keyFile}}`,
      /: listeners\[1\]\.tls-key: .* is not the key of the certificate in listeners\[1\]\.tls-cert/,
    ],
  ];
  for (const [entry, message] of CASES) {
    it(`is a usage error of one line: ${message}`, async () => {
      const config = path.join(folder, 'pairs.yaml');
      writeFileSync(config, `${TWO}${entry}\n`);
      const { status, stderr } = await runCommand(['proxy', '--config', config]);
      assert.equal(status, 2);
      assert.match(stderr.trimEnd(), message);
      assert.ok(stderr.startsWith(`pgnetflow: ${config}: listeners[1]`), stderr);
      assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
    });
  }

  it('leaves no address open when the second is in use', async () => {
    const config = path.join(folder, 'pairs.yaml');
    writeFileSync(config, `${TWO}{listen: "127.0.0.1:${plain.port}", upstream: db2}\n`);
    const { status, stderr } = await runCommand(['proxy', '--config', config]);
    assert.equal(status, 1);
    assert.equal(
      stderr,
      `pgnetflow: cannot listen on 127.0.0.1:${plain.port}: the address is in use; stop what listens there or choose another\n`,
    );
  });
});
