import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { before, describe, it } from 'node:test';
import { rowsReceived, rowsSent } from '../../src/demo/copy_rows.ts';
import { SESSION } from '../../src/demo/experiment.ts';
import { findings } from '../../src/demo/findings.ts';
import type { ReportRecord, SessionRecord } from '../../src/report/model.ts';
import { leftovers, scratchDirectory } from '../embedded/scratch.ts';
import { runDemo } from './demo_process.ts';

const ROWS = 2300;

describe('pgnetflow demo, in text', () => {
  const scratch = scratchDirectory();
  let run: Awaited<ReturnType<typeof runDemo>>;

  before(async () => {
    run = await runDemo(scratch, ['--rows', String(ROWS)]);
    assert.equal(run.status, 0, run.stderr);
  });

  it('prints a block per statement in the order of the experiment, then the sums', () => {
    const heads = run.stdout.split('\n').filter((line) => /^(?:query: |-{10}END)/.test(line));
    assert.deepEqual(heads, [
      'query: drop table if exists t;',
      'query: create table t(id int, info text, crt_time timestamp);',
      `query: insert into t select generate_series(1,${ROWS}), md5(random()::text), clock_timestamp();`,
      'query: SELECT n.nspname as "Schema",',
      'query: copy t to stdout',
      'query: copy t from stdin',
      'query: copy t to stdout',
      'query: copy t from stdin',
      'query: copy t to stdout',
      '----------END----------',
    ]);
  });

  it('has a line per session that its books balance', () => {
    assert.equal(run.stdout.match(/ balanced$/gm)?.length, 7);
    assert.match(run.stdout, /^sessions: 7, unbalanced: 0$/m);
  });

  it('closes with sentences whose sums are right', () => {
    const closing = run.stdout.split('what the figures say\n')[1] ?? '';
    assert.equal(closing.match(/^- /gm)?.length, 3);
    assert.doesNotMatch(closing, /NOT SO/);

    const [statement = 0, session, rest, startup = 0, terminate = 0] =
      /received (\d+) bytes \(R\), its session (\d+): the other (\d+) are its start-up \((\d+)\) and its Terminate message \((\d+)\)/
        .exec(closing)
        ?.slice(1)
        .map(Number) ?? [];
    assert.equal(rest, startup + terminate);
    assert.equal(session, statement + startup + terminate);

    const sums = [...closing.matchAll(/[RS] (\d+) = (\d+) of rows \+ 5 x (\d+) CopyData messages \+ (\d+)/g)];
    assert.equal(sums.length, 2);
    for (const sum of sums) {
      const [all, rows = 0, messages = 0, others = 0] = sum.slice(1).map(Number);
      assert.equal(all, rows + 5 * messages + others);
    }
    const [one = 0, two, four] =
      /doubled twice: (\d+), (\d+), (\d+) bytes/.exec(closing)?.slice(1).map(Number) ?? [];
    assert.deepEqual([two, four], [2 * one, 4 * one]);
  });

  it('says on standard error where it listens, and nothing else without a terminal', () => {
    assert.match(
      run.stderr,
      /^pgnetflow listens on 127\.0\.0\.1:\d+ and forwards to 127\.0\.0\.1:\d+, a PostgreSQL 18\.\d+ in \S+\n$/,
    );
  });

  it('leaves no process and no file', async () => {
    assert.deepEqual(await leftovers(scratch), []);
  });
});

describe('pgnetflow demo, in JSON', () => {
  const scratch = scratchDirectory();
  let report: ReportRecord;

  before(async () => {
    const { status, stdout, stderr } = await runDemo(scratch, ['--rows', String(ROWS), '--report', 'json']);
    assert.equal(status, 0, stderr);
    report = JSON.parse(stdout);
  });

  const session = (name: string): SessionRecord => {
    const found = report.sessions.filter(({ application_name }) => application_name === name);
    assert.equal(found.length, 1, name);
    return found[0]!;
  };
  const copy = (name: string) => {
    const { statements } = session(name);
    assert.equal(statements.length, 1, name);
    return statements[0]!;
  };

  it('is the report alone', async () => {
    assert.equal(report.schema, 'pgnetflow.report/1');
    assert.equal(report.sessions.length, 7);
    assert.deepEqual(await leftovers(scratch), []);
  });

  it('has sessions that were all closed by their clients, with books that balance', () => {
    for (const one of report.sessions) {
      assert.equal(one.end_reason, 'terminate', one.application_name ?? '');
      assert.deepEqual(one.imbalances, []);
      assert.equal(one.balanced, true);
    }
  });

  it('has the same rows at both ends of each pipe, in other messages', () => {
    for (const at of [0, 1] as const) {
      const out = copy(SESSION.out[at]);
      const into = copy(SESSION.in[at]);
      const count = ROWS * 2 ** at;
      assert.deepEqual([out.tag, into.tag], [`COPY ${count}`, `COPY ${count}`]);
      const sent = rowsSent(out);
      const received = rowsReceived(into);
      assert.equal(sent.messages, count); // the server sends a message per row
      assert.ok(received.messages < count); // the client sends them by the chunk
      assert.equal(sent.bytes, received.bytes);
      // The client sent Query and CopyDone besides, the server CopyOutResponse, CopyDone, CommandComplete, ReadyForQuery.
      assert.equal(into.R.bytes - out.S.bytes, 5 * (received.messages - count) + 28 - 40);
    }
  });

  it('has a table that doubles', () => {
    const sizes = [...SESSION.out, SESSION.nowhere].map((name) => rowsSent(copy(name)).bytes);
    assert.deepEqual(sizes, [sizes[0]!, 2 * sizes[0]!, 4 * sizes[0]!]);
  });

  it('would say so if the clients had seen other rows than the books', () => {
    const [pipe1, pipe2, nowhere] = [...SESSION.out, SESSION.nowhere].map(
      (name) => rowsSent(copy(name)).bytes,
    );
    const counted = { pipes: [pipe1!, pipe2!], nowhere: nowhere! };
    const holds = (...args: Parameters<typeof findings>): boolean[] =>
      findings(...args).map((one) => one.holds);
    assert.deepEqual(holds(report, counted), [true, true, true]);
    assert.deepEqual(holds(report, { ...counted, pipes: [pipe1!, pipe2! - 1] }), [true, false, false]);
    const sessions = report.sessions.map((one) => ({ ...one, balanced: false }));
    assert.deepEqual(holds({ ...report, sessions }, counted), [true, true, true, false]);
  });
});

describe('the output of pgnetflow demo', () => {
  const scratch = scratchDirectory();

  it('can be the story on standard output and the report in a file', async () => {
    const file = path.join(scratch, 'report.csv');
    const args = ['--rows', '23', '--report', 'csv', '--report-file', file];
    const { status, stdout } = await runDemo(scratch, args);
    assert.equal(status, 0);
    assert.match(stdout, /^query: drop table/);
    assert.match(stdout, /\n\nwhat the figures say\n/);
    assert.doesNotMatch(stdout, /-END-/);
    assert.match(readFileSync(file, 'utf8'), /^session_id,|^[a-z_]+,[a-z_]+,/);
    rmSync(file);
  });

  it('can be nothing', async () => {
    const { status, stdout } = await runDemo(scratch, ['--rows', '1', '--report', 'none']);
    assert.deepEqual({ status, stdout }, { status: 0, stdout: '' });
  });

  it('is one line about what is wrong, and status 2, for a wrong flag', async () => {
    const wrong = [
      ['--rows', '0'],
      ['--rows', '-1'],
      ['--rows', '2.3'],
      ['--rows', '1e6'],
      ['--rows', '2147483648'],
      ['--report', 'xml'],
      ['--row', '23'],
      ['extra'],
    ];
    for (const args of wrong) {
      const { status, stdout, stderr } = await runDemo(scratch, args);
      assert.deepEqual({ status, stdout }, { status: 2, stdout: '' }, args.join(' '));
      assert.match(stderr, /^pgnetflow: [^\n]+\n$/, args.join(' '));
    }
  });
});
