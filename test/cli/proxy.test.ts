import { strict as assert } from 'node:assert';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import pg from 'pg';
import type { StatementLogRecord } from '../../src/export/statement_log.ts';
import type { ReportRecord } from '../../src/report/model.ts';
import { Command } from '../support/command.ts';
import { embeddedServer } from '../support/servers.ts';

const server = await embeddedServer();
const folder = mkdtempSync(path.join(tmpdir(), 'pgnetflow-'));
after(() => rmSync(folder, { recursive: true }));

async function query(port: number, ...texts: string[]): Promise<void> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: server.user, database: server.database });
  await client.connect();
  for (const text of texts) await client.query(text);
  await client.end();
}

function logged(file: string): StatementLogRecord[] {
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
  return lines.map((line): StatementLogRecord => JSON.parse(line));
}

async function untilLogged(file: string, count: number): Promise<void> {
  while (logged(file).length < count) await new Promise(setImmediate);
}

describe('pgnetflow proxy before a real server', () => {
  it('prints a block as each statement ends, and the sessions at the end', async () => {
    const trace = path.join(folder, 'trace');
    const command = new Command(['proxy', '--listen', ':0', '--live', '--trace', trace], {
      PGNETFLOW_UPSTREAM: `127.0.0.1:${server.port}`,
    });
    const port = await command.listening();
    await query(port, 'select 23\n-- twenty-three', "select repeat('x', 100000)");
    await command.until(
      'stdout',
      /^query: select repeat\('x', 100000\)\n-S-from:.*Kbytes:97,.*\n-R-from:.*\n/m,
    );
    command.kill('SIGINT');
    const { status, stdout } = await command.finished();
    assert.equal(status, 0);
    assert.match(
      stdout,
      /^query: select 23\n {2}-- twenty-three\n-S-from:127\.0\.0\.1:\d+-to:127\.0\.0\.1:\d+, pkgs:/,
    );
    assert.match(stdout, /\n----------END----------\n-S-from:/);
    assert.match(stdout, / balanced\n/);
    assert.match(stdout, /\nsessions: 1, unbalanced: 0\n/);
    assert.match(readFileSync(trace, 'utf8'), /\t1\tF\t\d+\tQuery\t "select 23/);
  });

  it('logs each statement, on in a new file after SIGHUP, as the configuration file asks', async () => {
    const log = path.join(folder, 'statements');
    const report = path.join(folder, 'report.json');
    const config = path.join(folder, 'pgnetflow.yaml');
    writeFileSync(
      config,
      [
        'listen: [127.0.0.1:0]',
        `upstream: postgres://127.0.0.1:${server.port}/ignored`,
        'report: json',
        `report-file: ${report}`,
        `statement-log: ${log}`,
        'max-query-bytes: 6',
        'max-statements-kept: 1',
        '',
      ].join('\n'),
    );
    const command = new Command(['proxy', '--config', config]);
    const port = await command.listening();
    await query(port, 'select 1', 'select 2');
    await untilLogged(log, 2);
    renameSync(log, `${log}.1`);
    command.kill('SIGHUP');
    // A signal is handled some time after it was sent: go on until a statement lands in the new file.
    let before = 2;
    while (logged(log).length === 0) {
      await query(port, 'select 3');
      before += 1;
      while (logged(log).length + logged(`${log}.1`).length < before) await new Promise(setImmediate);
    }
    command.kill('SIGTERM');
    const { status, stdout } = await command.finished();
    assert.deepEqual({ status, stdout }, { status: 0, stdout: '' });

    const found: ReportRecord = JSON.parse(readFileSync(report, 'utf8'));
    const first = found.sessions.find(({ id }) => id === 1)!;
    assert.equal(first.user, server.user);
    assert.ok(found.sessions.every(({ balanced }) => balanced));
    assert.deepEqual([first.statement_count, first.statements.length, first.dropped.statements], [2, 1, 1]);
    const [line] = logged(`${log}.1`);
    assert.deepEqual(
      [line!.session, line!.user, line!.query?.slice(0, 6), line!.query_bytes, line!.query_truncated],
      [1, server.user, 'select', 8, true],
    );
    assert.deepEqual(line!.client, first.client);
  });
});
