import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import pg from 'pg';
import type { BenchCopyRecord } from '../../src/bench/figures.ts';
import { Authority } from '../support/certificates.ts';
import { Command, runCommand } from '../support/command.ts';
import { embeddedServer } from '../support/servers.ts';

const authority = new Authority('pgnetflow bench authority');
const certificate = authority.issue('localhost', ['IP:127.0.0.1', 'DNS:localhost']);
const server = await embeddedServer({
  files: { 'server.crt': certificate.cert, 'server.key': certificate.key },
  settings: { ssl: 'on' },
  hba: [
    'local all all trust',
    'host all postgres 127.0.0.1/32 trust',
    'hostssl all alice 127.0.0.1/32 scram-sha-256',
    '',
  ].join('\n'),
});
const admin = new pg.Client({ ...server });
await admin.connect();
await admin.query("create role alice login password 'secret'");
await admin.query('create table t as select n from generate_series(1, 1009) n');
await admin.query('grant select on t to alice');

const folder = mkdtempSync(path.join(tmpdir(), 'pgnetflow-'));
after(() => rmSync(folder, { recursive: true }));

const PLACE = { PGHOST: server.host, PGPORT: String(server.port), PGDATABASE: server.database };

/** What the sessions of the command are called. */
const NAME = 'pgnetflow bench';

/** Resolves, with their process ids, when one of the command's two sessions copies while the other waits for its turn. */
async function untilOneCopies(command: Command): Promise<{ copying: number; waiting: number }> {
  for (;;) {
    const { rows } = await admin.query<{ pid: number; state: string; query: string }>(
      'select pid, state, query from pg_stat_activity where application_name = $1 order by state',
      [NAME],
    );
    const [copies, waits] = rows;
    if (copies?.state === 'active' && copies.query.startsWith('copy') && waits?.state === 'idle')
      return { copying: copies.pid, waiting: waits.pid };
    assert.equal(command.process.exitCode, null, command.stderr);
  }
}

describe('pgnetflow bench copy', () => {
  // In here, for the server stops before what is registered after it outside.
  after(() => admin.end());

  it('prints throughput and who waited for whom, from a server named by PG… variables', async () => {
    const { status, stdout, stderr } = await runCommand(['bench', 'copy', '--rows', '997', '--rounds', '2'], {
      ...PLACE,
      PGUSER: 'postgres',
    });
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^copy \(select repeat\('x', 1023\).*\) to stdout\n997 rows, 997KiB; 2 rounds/);
    assert.match(
      stdout,
      /\n997KiB are too few to measure with: these figures mean nothing\.\nCopy more: more --rows/,
    );
    assert.match(stdout, /\nPostgreSQL 18\.\d+, pgnetflow \d/);
    assert.match(stdout, /\nstraight( +[\d.]+[KMG]iB\/s){3}\nthrough pgnetflow( +[\d.]+[KMG]iB\/s){3}\n/);
    assert.match(
      stdout,
      /\nwho waited for whom, of \S+ through pgnetflow\n(.*%  (server|network|client|the rest): .*\n){4}/,
    );
  });

  it('prints JSON, over TLS that is verified, with a password from ~/.pgpass', async () => {
    const passwords = path.join(folder, 'pgpass');
    writeFileSync(passwords, `${server.host}:${server.port}:*:alice:secret\n`);
    chmodSync(passwords, 0o600);
    const url = `postgres://alice@127.0.0.1:${server.port}/postgres?sslmode=verify-full&sslrootcert=${authority.certFile}`;
    const args = [
      'bench',
      'copy',
      '--connect',
      url,
      '--query',
      'table t;',
      '--rows',
      '500',
      '--rounds',
      '3',
      '--json',
    ];
    const { status, stdout, stderr } = await runCommand(args, { PGPASSFILE: passwords });
    assert.equal(status, 0, stderr);
    const record: BenchCopyRecord = JSON.parse(stdout);
    assert.equal(record.schema, 'pgnetflow.bench-copy/1');
    assert.equal(record.statement, 'copy (select * from (table t\n) as query limit 500) to stdout');
    assert.deepEqual([record.rows, record.rounds, record.samples.length], [500, 3, 3]);
    assert.ok(record.samples.every(({ direct, through }) => direct.bytes === through.bytes));
    assert.deepEqual([record.balanced, record.tiny], [true, true]);
    const { duration_us, server_us, network_us, client_us, streaming_us } = record.waits;
    assert.equal(server_us + network_us + client_us + streaming_us, duration_us);
  });

  it('is one line and status 1 when the server is not there, or refuses', async () => {
    const nowhere = await runCommand(['bench', 'copy', '--connect', 'postgres://u:secret@127.0.0.1:1/d']);
    assert.equal(nowhere.status, 1);
    assert.match(
      nowhere.stderr,
      /^pgnetflow: cannot connect to the server straight: [^\n]*ECONNREFUSED[^\n]*\n$/,
    );
    assert.doesNotMatch(nowhere.stderr, /secret/);
    const refused = await runCommand(['bench', 'copy', '--query', 'table nothing'], {
      ...PLACE,
      PGUSER: 'postgres',
    });
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /^pgnetflow: the COPY failed: relation "nothing" does not exist\n$/);
  });

  for (const [who, victims] of [
    ['both its sessions', ['copying', 'waiting']],
    ['the one that waits for its turn', ['waiting']],
    ['the one that copies', ['copying']],
  ] as const) {
    it(`is one line and status 1 when the server ends ${who} in mid-run`, async () => {
      // So many that a COPY does not end by itself before it is ended.
      const command = new Command(['bench', 'copy', '--rows', '2000000'], { ...PLACE, PGUSER: 'postgres' });
      const pids = await untilOneCopies(command);
      await admin.query('select pg_terminate_backend(pid) from unnest($1::int[]) pid', [
        victims.map((victim) => pids[victim]),
      ]);
      const { status, stdout, stderr } = await command.finished();
      assert.equal(
        stderr,
        'pgnetflow: the COPY failed: terminating connection due to administrator command\n',
      );
      assert.deepEqual([status, stdout], [1, '']);
    });
  }

  it('only reads: a query that writes ends with what the server says, and nothing is written', async () => {
    const { status, stderr } = await runCommand(['bench', 'copy', '--query', 'select lo_create(0)'], {
      ...PLACE,
      PGUSER: 'postgres',
    });
    assert.equal(status, 1);
    assert.equal(
      stderr,
      'pgnetflow: the COPY failed: cannot execute lo_create() in a read-only transaction\n',
    );
    const { rows } = await admin.query('select from pg_largeobject_metadata');
    assert.equal(rows.length, 0);
  });

  it('is one line and status 1 when there is nothing to copy', async () => {
    const { status, stdout, stderr } = await runCommand(
      ['bench', 'copy', '--query', 'select * from t where false'],
      { ...PLACE, PGUSER: 'postgres' },
    );
    assert.deepEqual([status, stdout], [1, '']);
    assert.match(stderr, /^pgnetflow: there is nothing to copy: the query has no rows [^\n]*\n$/);
  });

  for (const [args, problem] of [
    [['bench'], /bench what\? give pgnetflow bench copy/],
    [['bench', 'cpoy'], /unknown bench "cpoy"; give pgnetflow bench copy/],
    [['bench', 'copy', 'more'], /unexpected "more": bench copy takes flags only/],
    [['bench', 'copy', '--row', '1'], /unknown flag --row; did you mean --rows\?/],
    [['bench', 'copy', '--connect', 'db1'], /--connect: is no postgres:\/\/ URL/],
    [['bench', 'copy', '--query', 'drop table t'], /--query: is no SELECT, WITH, TABLE or VALUES/],
  ] as const) {
    it(`is one line and status 2 for wrong usage: pgnetflow ${args.join(' ')}`, async () => {
      const { status, stderr } = await runCommand(args);
      assert.equal(status, 2);
      assert.match(stderr, /^pgnetflow: [^\n]+\n$/);
      assert.match(stderr, problem);
    });
  }
});
