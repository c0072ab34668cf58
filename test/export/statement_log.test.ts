import { strict as assert } from 'node:assert';
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import pino from 'pino';
import { StatementLog, type StatementLogRecord } from '../../src/export/statement_log.ts';
import { client, server } from '../support/messages.ts';
import { C, OPENING, S, relay } from '../support/story.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'pgnetflow-'));
after(() => rmSync(folder, { recursive: true }));

const log = pino({ level: 'silent' });
const session = relay([
  ...OPENING,
  C(1, client.query('select 1')),
  S(1, server.complete('SELECT 1')),
  S(1, server.ready()),
]);
const [statement] = session.statements();

function records(file: string): StatementLogRecord[] {
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line): StatementLogRecord => JSON.parse(line));
}

describe('the statement log', () => {
  it('has a line per statement that says whose it is', async () => {
    const file = path.join(folder, 'log');
    const statementLog = await StatementLog.toFile(file, log);
    for (let line = 0; line < 23; line += 1) statementLog.write(session, statement!);
    await statementLog.close();
    const found = records(file);
    assert.equal(found.length, 23);
    const { session: id, client: from, backend_pid, application_name, seq, kind, query, R } = found[22]!;
    assert.deepEqual(
      { id, from, backend_pid, application_name, seq, kind, query, R },
      {
        id: 1,
        from: { address: '127.0.0.1', port: 1 },
        backend_pid: 4711,
        application_name: 'shop',
        seq: 1,
        kind: 'query',
        query: 'select 1',
        R: { bytes: 14, messages: 1, reads: 1, writes: 1 },
      },
    );
    assert.equal(statementLog.dropped, 0);
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });

  it('goes on in a new file when the old one was moved away', async () => {
    const file = path.join(folder, 'rotated');
    const statementLog = await StatementLog.toFile(file, log);
    statementLog.write(session, statement!);
    await new Promise(setImmediate);
    renameSync(file, `${file}.1`);
    statementLog.reopen();
    statementLog.write(session, statement!);
    statementLog.write(session, statement!);
    await statementLog.close();
    assert.equal(records(file).length + records(`${file}.1`).length, 3);
    assert.ok(records(file).length >= 1);
  });

  it('cannot be opened where there is no folder', async () => {
    await assert.rejects(StatementLog.toFile(path.join(folder, 'none', 'log'), log), { code: 'ENOENT' });
  });
});
