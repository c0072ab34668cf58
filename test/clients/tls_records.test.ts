// The records of TLS between real clients, the proxy and a real server, as the report tells them and on the wire.
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, it } from 'node:test';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import type { PostgresServer } from '../../src/embedded/postgres.ts';
import { Authority } from '../support/certificates.ts';
import { libpqEnvironment, run, temporaryDirectory } from '../support/programs.ts';
import { assertRecords, recordedProxy, type RecordedProxy } from '../support/recorded_proxy.ts';
import { debianMissing, debianProgram, debianServer, embeddedServer } from '../support/servers.ts';
import { LOCAL_NAMES, withTls } from '../support/tls_server.ts';
import { writeFileSync } from 'node:fs';
import path from 'node:path';

const timeout = 120_000;
const VERSIONS = ['TLSv1.3', 'TLSv1.2'] as const;

const authority = new Authority('pgnetflow test authority');
const certificate = authority.issue('localhost', LOCAL_NAMES);

/** 40,009 rows of about 100 bytes. */
const ROWS = Array.from({ length: 40_009 }, (_, row) => `${row}\t${'x'.repeat(row % 211)}\n`);

async function before(server: PostgresServer): Promise<RecordedProxy> {
  return recordedProxy({ host: server.host, port: server.port }, authority, certificate);
}

function speaking(version: string) {
  const { settings, ...rest } = withTls(authority, certificate);
  return { ...rest, settings: { ...settings, ssl_max_protocol_version: version } };
}

/** Statements of all kinds, one after the other. */
async function work(client: pg.Client): Promise<void> {
  await client.query('create temp table t (n int, text text)');
  for (let n = 0; n < 7; n += 1) await client.query(`select repeat('s', ${n * 5003})`);
  for (let n = 0; n < 7; n += 1) await client.query("select repeat('e', $1)", [n * 5009]);
  for (let n = 0; n < 7; n += 1)
    await client.query({ name: 'p', text: 'select length($1)', values: ['p'.repeat(n * 5011)] });
  await assert.rejects(client.query('select 1/0'), /division by zero/);
  await pipeline(Readable.from(ROWS), client.query(copyFrom('copy t from stdin')));
  const out: AsyncIterable<Buffer> = client.query(copyTo('copy t to stdout'));
  let bytes = 0;
  for await (const part of out) bytes += part.length;
  assert.equal(bytes, Buffer.byteLength(ROWS.join('')));
}

describe('the records of TLS', () => {
  for (const version of VERSIONS) {
    it(`of ${version} are told as they were: node-postgres`, { timeout }, async () => {
      const server = await embeddedServer(speaking(version));
      const proxy = await before(server);
      const client = new pg.Client({
        ...proxy.address,
        user: 'postgres',
        database: 'postgres',
        ssl: { ca: authority.cert, servername: 'localhost', maxVersion: version },
      });
      await client.connect();
      await work(client);
      await client.end();
      const recorded = await proxy.finished();
      const { wire, statement_count } = recorded.session;
      assert.deepEqual([wire.client.tls?.protocol, wire.server.tls?.protocol], [version, version]);
      assert.equal(statement_count, 1 + 3 * 7 + 1 + 2);
      assertRecords(recorded);
    });

    it(`of ${version} are told as they were: psql`, { timeout, skip: debianMissing }, async () => {
      const server = await debianServer(speaking(version));
      const proxy = await before(server);
      const folder = temporaryDirectory();
      const file = path.join(folder, 'rows');
      writeFileSync(file, ROWS.join(''));
      const env = libpqEnvironment(proxy.address, {
        PGSSLMODE: 'verify-ca',
        PGSSLROOTCERT: authority.certFile,
        PGSSLMAXPROTOCOLVERSION: version,
        PGGSSENCMODE: 'disable',
      });
      const script = `create temp table t (n int, text text);
\\copy t from '${file}'
select count(*) from t;
\\copy t to '${path.join(folder, 'copy')}'
select 1/0;
select * from t where n < 1009;
`;
      const { code, stderr } = await run(debianProgram('psql'), ['-X', '-A', '-t', '-q'], {
        env,
        input: script,
      });
      assert.equal(code, 0, stderr);
      const recorded = await proxy.finished();
      const { wire, statement_count } = recorded.session;
      assert.deepEqual([wire.client.tls?.protocol, wire.server.tls?.protocol], [version, version]);
      assert.equal(statement_count, 6);
      assertRecords(recorded);
    });
  }
});
