// TLS on the client leg, on the server leg, on both and through us, with real clients and a real server.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import pg from 'pg';
import postgres from 'postgres';
import type { PostgresServer } from '../../src/embedded/postgres.ts';
import type { ClientTls } from '../../src/relay/client_tls.ts';
import type { UpstreamTls } from '../../src/relay/upstream_tls.ts';
import type { SessionRecord } from '../../src/report/model.ts';
import { Authority, contextOf } from '../support/certificates.ts';
import { libpqEnvironment, run } from '../support/programs.ts';
import { proxyBefore, type RunningProxy } from '../support/running_proxy.ts';
import { debianProgram, debianMissing, debianServer } from '../support/servers.ts';
import { LOCAL_NAMES, withTls } from '../support/tls_server.ts';

const authority = new Authority('pgnetflow test authority');
const stranger = new Authority('somebody else');
const serverCertificate = authority.issue('localhost', LOCAL_NAMES);
const proxyCertificate = authority.issue('localhost', LOCAL_NAMES);

const server = debianMissing === false ? await debianServer(withTls(authority, serverCertificate)) : null;
const psqlProgram = debianProgram('psql');

function theServer(): PostgresServer {
  assert.ok(server !== null);
  return server;
}

const allow: ClientTls = { mode: 'allow', context: contextOf(proxyCertificate), verifyClients: false };
const toServer: UpstreamTls = {
  mode: 'verify-full',
  negotiation: 'postgres',
  verifyAuthority: true,
  context: contextOf(null, authority),
};

/** Which legs have TLS, by the proxy's options. */
const LEGS: Readonly<Record<string, { client: ClientTls | null; server: UpstreamTls | null }>> = {
  'neither leg': { client: null, server: null },
  'the client leg': { client: allow, server: null },
  'the server leg': { client: null, server: toServer },
  'both legs': { client: allow, server: toServer },
};

async function psql(
  running: RunningProxy,
  script: string,
  environment: Record<string, string>,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const env = libpqEnvironment(
    { host: 'localhost', port: running.port },
    {
      PGSSLROOTCERT: authority.certFile,
      PGGSSENCMODE: 'disable',
      ...environment,
    },
  );
  return run(psqlProgram, ['-X', '-A', '-t', '-q', '-v', 'ON_ERROR_STOP=1'], { env, input: script });
}

const SCRIPT = `select 'tls', ssl from pg_stat_ssl where pid = pg_backend_pid();
create temp table t (n int, text text);
copy t from stdin;
${Array.from({ length: 997 }, (_, row) => `${row}\t${'x'.repeat(row % 211)}`).join('\n')}
\\.
select count(*), sum(length(text)) from t;
copy (select repeat('y', 1000) from generate_series(1, 9973)) to stdout;
`;

function assertLegs(session: SessionRecord, client: boolean, toTheServer: boolean): void {
  for (const [leg, encrypted] of [
    [session.wire.client, client],
    [session.wire.server, toTheServer],
  ] as const) {
    if (!encrypted) assert.equal(leg.tls, null);
    else {
      assert.equal(leg.tls?.protocol, 'TLSv1.3');
      assert.match(leg.tls.cipher ?? '', /^TLS_/);
      assert.ok(leg.tls.overhead_in > 0 && leg.tls.overhead_out > 0);
    }
  }
}

/** Statements that were sent one after the other stand side by side in the streams of the server's socket. */
function assertStreams({ statements, wire: { server: leg } }: SessionRecord): void {
  assert.equal(statements.length, 5);
  for (const [direction, socketBytes] of [
    ['R', leg.bytes_out],
    ['S', leg.bytes_in],
  ] as const) {
    let previousTo: number | null = null;
    for (const statement of statements) {
      const ranges = statement.stream[direction];
      assert.equal(ranges?.length, 1, `statement ${statement.seq}: ${JSON.stringify(ranges)}`);
      const [from, to] = ranges[0]!;
      if (previousTo !== null) assert.equal(from, previousTo);
      const { bytes } = statement[direction];
      if (leg.tls === null) assert.equal(to - from, bytes);
      // At least a header, a type and a tag.
      else assert.ok(to - from >= bytes + 22, `${to - from} bytes for ${bytes}`);
      assert.ok(to <= socketBytes);
      previousTo = to;
    }
  }
}

describe('TLS', { skip: debianMissing }, () => {
  for (const [name, legs] of Object.entries(LEGS)) {
    it(`on ${name}: psql gets the same, and all is conserved`, async () => {
      const running = await proxyBefore(theServer(), {
        upstream: { host: 'localhost', port: theServer().port },
        clientTls: legs.client,
        upstreamTls: legs.server,
      });
      const sslmode = legs.client === null ? 'disable' : 'verify-full';
      const { code, stdout, stderr } = await psql(running, SCRIPT, { PGSSLMODE: sslmode });
      assert.equal(code, 0, stderr);
      const lines = stdout.split('\n');
      assert.deepEqual(lines.slice(0, 2), [`tls|${legs.server === null ? 'f' : 't'}`, '997|100248']);
      assert.equal(lines.length, 2 + 9973 + 1);
      const { sessions } = await running.settled();
      assert.equal(sessions.length, 1);
      const session = sessions[0]!;
      assertLegs(session, legs.client !== null, legs.server !== null);
      assertStreams(session);
      assert.equal(session.end_reason, 'terminate');
      assert.equal(session.end_detail, null);
      assert.deepEqual(session.undelivered, { R: 0, S: 0 });
      assert.deepEqual(
        [session.wire.client.own_in, session.wire.client.own_out],
        legs.client === null ? [0, 0] : [8, 1],
      );
      assert.deepEqual(
        [session.wire.server.own_in, session.wire.server.own_out],
        legs.server === null ? [0, 0] : [1, 8],
      );
    });
  }

  const MODES: Readonly<Record<string, { none: 'plain' | RegExp; tls: 'plain' | 'tls' }>> = {
    disable: { none: 'plain', tls: 'plain' },
    allow: { none: 'plain', tls: 'plain' },
    prefer: { none: 'plain', tls: 'tls' },
    require: { none: /server does not support SSL/, tls: 'tls' },
    'verify-ca': { none: /server does not support SSL/, tls: 'tls' },
    'verify-full': { none: /server does not support SSL/, tls: 'tls' },
  };
  for (const [sslmode, expected] of Object.entries(MODES)) {
    it(`sslmode=${sslmode} does with and without a certificate what libpq promises`, async () => {
      const plain = await proxyBefore(theServer());
      const without = await psql(plain, 'select 23;', { PGSSLMODE: sslmode });
      if (expected.none === 'plain') assert.equal(without.stdout, '23\n', without.stderr);
      else assert.match(without.stderr, expected.none);
      await plain.settled();
      const running = await proxyBefore(theServer(), { clientTls: allow });
      const { stdout, stderr } = await psql(running, 'select 29;', { PGSSLMODE: sslmode });
      assert.equal(stdout, '29\n', stderr);
      const { sessions } = await running.settled();
      assertLegs(sessions.at(-1)!, expected.tls === 'tls', false);
    });
  }

  it('passes through what client and server encrypt themselves, as opaque bytes', async () => {
    const running = await proxyBefore(theServer(), { clientTls: 'passthrough' });
    const { code, stdout, stderr } = await psql(running, SCRIPT, { PGSSLMODE: 'verify-full' });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^tls\|t\n/);
    const [session] = (await running.settled()).sessions;
    assert.ok(session !== undefined);
    assert.deepEqual(
      [session.encrypted, session.protocol, session.user, session.statement_count],
      ['passthrough', null, null, 0],
    );
    assert.equal(session.accounts.opaque.S, session.S.bytes);
    assert.equal(session.wire.client.tls, null);
  });

  it('refuses a certificate of the server that does not hold, and says so once', async () => {
    const CASES: readonly [Partial<UpstreamTls>, RegExp][] = [
      [
        { mode: 'verify-full', context: contextOf(null, stranger) },
        /not signed by an authority of --upstream-ca/,
      ],
      [
        { mode: 'verify-ca', context: contextOf(null, stranger) },
        /not signed by an authority of --upstream-ca/,
      ],
    ];
    for (const [tls, message] of CASES) {
      const running = await proxyBefore(theServer(), { upstreamTls: { ...toServer, ...tls } });
      const { code, stderr } = await psql(running, 'select 1;', { PGSSLMODE: 'disable' });
      assert.equal(code, 2);
      assert.match(stderr, message);
      assert.match(stderr, new RegExp(`127.0.0.1:${theServer().port}`));
      await running.settled();
    }
  });

  it('lets a node-postgres and a postgres.js client in over TLS', async () => {
    const running = await proxyBefore(theServer(), {
      clientTls: allow,
      upstreamTls: { ...toServer, mode: 'verify-ca' },
    });
    const ssl = { ca: authority.cert, servername: 'localhost' };
    const connection = {
      host: running.host,
      port: running.port,
      user: 'postgres',
      database: 'postgres',
      ssl,
    };
    const client = new pg.Client(connection);
    await client.connect();
    const { rows } = await client.query<{ text: string }>("select repeat('z', $1::int) as text", [1_000_003]);
    assert.equal(rows[0]?.text.length, 1_000_003);
    await client.end();
    const sql = postgres({ ...connection, max: 1 });
    const [row] = await sql<{ n: number }[]>`select ${23}::int as n`;
    assert.equal(row?.n, 23);
    await sql.end();
    const { sessions } = await running.settled();
    for (const session of sessions) assertLegs(session, true, true);
    assert.equal(sessions.length, 2);
  });
});
