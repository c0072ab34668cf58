import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { readReport, readStatementLog } from '../../../src/backend/trace/proxy_files.ts';
import { REPORT_SCHEMA, type ReportRecord } from '../../../src/report/model.ts';
import { temporaryDirectory } from '../../support/programs.ts';

const time = { started_at: '1970-01-01T00:00:01.000Z', duration_us: 23 };
const statement = { seq: 3, query: 'commit', time };
const expected = {
  backendPid: 4711,
  session: 7,
  seq: 3,
  query: 'commit',
  startedUs: 1_000_000,
  endedUs: 1_000_023,
};

function file(content: string): string {
  const name = path.join(temporaryDirectory(), 'file');
  writeFileSync(name, content);
  return name;
}

describe("a proxy's report", () => {
  const session = { id: 7, backend_pid: 4711, ended_at: null };

  it('names sessions, and statements by backend and time', async () => {
    const open = { ...statement, seq: 4, time: { ...time, duration_us: null } };
    const recorded: ReportRecord = JSON.parse(readFileSync('test/golden/kernel/report.json', 'utf8'));
    const [whole] = recorded.sessions;
    const [one] = whole!.statements;
    const sessions = [
      { ...whole, ...session, statements: [statement, open].map((facts) => ({ ...one, ...facts })) },
      { ...whole, id: 8, backend_pid: null, ended_at: 'x', statements: [{ ...one, ...statement }] },
    ];
    const books = await readReport(file(JSON.stringify({ ...recorded, sessions })));
    assert.deepEqual(books.sessions, [
      { id: 7, backendPid: 4711, hasEnded: false },
      { id: 8, backendPid: null, hasEnded: true },
    ]);
    assert.deepEqual(books.statements, [expected, { ...expected, seq: 4, endedUs: Infinity }]);
  });

  it('must be one', async () => {
    await assert.rejects(readReport('/nowhere/report.json'), {
      code: 'PGNETFLOW_INPUT_FILE',
      message: /report\.json: there is no such file; have one written with pgnetflow proxy --report json/,
    });
    await assert.rejects(readReport(file('sessions by bytes')), {
      message: /it is not a JSON report of pgnetflow proxy: it is no JSON; have one written/,
    });
    await assert.rejects(readReport(file('{"sessions": []}')), {
      message: /it is not a JSON report of pgnetflow proxy: it has no schema/,
    });
    for (const [sessions, problem] of [
      [5, /: it has no list of sessions$/],
      [[null], /: sessions\[0\] has no id; was the report written by an older version/],
    ] as const) {
      const report = { schema: REPORT_SCHEMA, ended_at: 'x', dropped: { sessions: 0 }, sessions };
      await assert.rejects(readReport(file(JSON.stringify(report))), {
        code: 'PGNETFLOW_INPUT_FILE',
        message: problem,
      });
    }
  });

  it('that breaks off is told from two in one file', async () => {
    const report = JSON.stringify({ schema: REPORT_SCHEMA, sessions: [] });
    await assert.rejects(readReport(file(report.slice(0, -1))), {
      message: new RegExp(`: it is a JSON report .* that breaks off after ${report.length - 1} characters`),
    });
    await assert.rejects(readReport(file(`${report}\n${report}\n`)), {
      message: new RegExp(`: it is a JSON report .* that ends after ${report.length + 1} characters, and`),
    });
  });
});

describe("a proxy's statement log", () => {
  const line = JSON.stringify({ session: 7, backend_pid: 4711, ...statement });

  it('names sessions and statements, too; a line that is being written does not count yet', async () => {
    const books = await readStatementLog(file(`${line}\n${line.slice(0, 23)}`));
    assert.deepEqual(books.sessions, [{ id: 7, backendPid: 4711, hasEnded: false }]);
    assert.deepEqual(books.statements, [expected]);
  });

  it('must be one', async () => {
    const wrong = {
      code: 'PGNETFLOW_INPUT_FILE',
      message: /it is not a statement log [^:]+: line 2 tells of no statement/,
    };
    for (const other of ['query: commit', 'null', '{"type":"attach"}', '{"session":1,"seq":1,"time":null}'])
      await assert.rejects(readStatementLog(file(`${line}\n${other}\n`)), wrong);
  });
});
