// What of SQL texts leaves the command: in the report of each format, the statement log, --live and the console.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import pg from 'pg';
import { Command } from '../support/command.ts';
import { embeddedServer } from '../support/servers.ts';

const server = await embeddedServer();
const folder = mkdtempSync(path.join(tmpdir(), 'pgnetflow-'));
after(() => rmSync(folder, { recursive: true }));

let runs = 0;

/** All that a proxy has written and told about a few statements. */
async function told(args: readonly string[], report: string, texts: readonly string[]): Promise<string> {
  runs += 1;
  const file = path.join(folder, `${runs}`);
  const options = [
    '--report',
    report,
    '--report-file',
    file,
    '--statement-log',
    `${file}.log`,
    '--live',
    ...args,
  ];
  const command = new Command(['proxy', '--listen', ':0', ...options], {
    PGNETFLOW_UPSTREAM: `127.0.0.1:${server.port}`,
  });
  const port = await command.listening();
  const connect = async (database: string): Promise<pg.Client> => {
    const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database });
    await client.connect();
    return client;
  };
  const client = await connect('postgres');
  for (const text of texts) await client.query(text);
  const monitor = await connect('pgnetflow');
  const shown: unknown[] = [];
  const sleeping = client.query(`select pg_sleep(0.3), 'hunter2' as "${texts.length}"`);
  for (const view of ['activity', 'statements', 'sessions', 'copies'])
    shown.push((await monitor.query(`select * from netflow_${view}`)).rows);
  await sleeping;
  await client.end();
  await monitor.end();
  command.kill('SIGINT');
  const { status, stdout } = await command.finished();
  assert.equal(status, 0);
  return [
    stdout,
    readFileSync(file, 'utf8'),
    readFileSync(`${file}.log`, 'utf8'),
    JSON.stringify(shown),
  ].join('\n');
}

const PASSWORDS = [
  "create role sesame password 'open hunter3'",
  "alter role sesame password 'SCRAM hunter4'",
  'drop role sesame',
];

describe('texts of statements', () => {
  for (const report of ['text', 'json', 'csv']) {
    it(`are shown as they were sent, but for passwords (--report ${report})`, async () => {
      const all = await told([], report, PASSWORDS);
      assert.match(all, /create role sesame password '\*\*\*'/);
      assert.match(all, /hunter2/);
      assert.doesNotMatch(all, /hunter[34]/);
    });

    it(`are shown without constants by --query-text normalized (--report ${report})`, async () => {
      const all = await told(['--query-text', 'normalized'], report, PASSWORDS);
      assert.match(all, /create role sesame password \?/);
      assert.doesNotMatch(all, /hunter/);
    });

    it(`are not shown by --query-text none (--report ${report})`, async () => {
      const all = await told(['--query-text', 'none'], report, PASSWORDS);
      assert.doesNotMatch(all, /hunter|sesame|pg_sleep/);
      assert.match(all, /[0-9a-f]{16}/);
    });
  }
});
