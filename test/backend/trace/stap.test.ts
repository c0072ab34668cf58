// What fsync.stp printed in a virtual machine: left by `UPDATE_GOLDEN=1 npm run test:stap`.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import type { SummaryRecord } from '../../../src/backend/trace/summary.ts';
import { assertGolden } from '../../golden.ts';
import { runCommand } from '../../support/command.ts';
import { temporaryDirectory } from '../../support/programs.ts';
import { type FsyncRun, judgeFsync, judgeOneBackend, type OneBackend } from '../../vm/judge.ts';

const GOLDEN = path.join(import.meta.dirname, '..', '..', '..', '..', 'test', 'golden', 'fsync');
const read = (name: string): string => readFileSync(path.join(GOLDEN, name), 'utf8');

async function summaryOf(file: string): Promise<SummaryRecord> {
  const { status, stdout, stderr } = await runCommand([
    'trace',
    'fsync',
    '--json',
    '--records',
    path.resolve(GOLDEN, file),
  ]);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!);
}

const run: FsyncRun = JSON.parse(read('stap_server.json'));
const summary = await summaryOf('stap.ndjson');
const judge = (altered: Partial<SummaryRecord> = {}): string[] =>
  judgeFsync(run, { ...summary, ...altered }, '');

describe('a recording of fsync.stp', () => {
  it('has the figures of the server: fsyncs of WAL, pages of the commit log and of the checkpointer', () => {
    assert.deepEqual(judge(), []);
  });

  it('makes the report that it made when it was recorded', async () => {
    const args = ['trace', 'fsync', '--records', path.join(GOLDEN, 'stap.ndjson')];
    const { status, stdout } = await runCommand(args);
    assert.equal(status, 0);
    assertGolden('fsync/stap_report.txt', stdout);
  });

  it('of one backend has nothing of the others', async () => {
    const one: OneBackend = JSON.parse(read('stap_one_server.json'));
    const of = await summaryOf('stap_one.ndjson');
    assert.deepEqual(judgeOneBackend(one, of, ''), []);
    assert.equal(judgeOneBackend({ ...one, pid: one.pid + 1 }, of, '').length, 1);
    const more = { ...one, wal_fsyncs: one.wal_fsyncs + 1 };
    assert.equal(judgeOneBackend(more, of, '').length, 1);
  });

  it('is found wrong when the server counted one more', () => {
    for (const name of ['wal_fsyncs', 'checkpointer_slru_pages'] as const) {
      const after = { ...run.after, [name]: run.after[name] + 1 };
      assert.equal(judgeFsync({ ...run, after }, summary, '').length, 1, name);
    }
    const after = { ...run.after, next_id: run.after.next_id + 32_768 };
    assert.equal(judgeFsync({ ...run, after }, summary, '').length, 3);
  });

  it('is found wrong when statements have no text, or SystemTap skipped probes', () => {
    const statements = summary.statements.map((one) => ({ ...one, query: null }));
    assert.ok(judge({ statements }).length >= 5);
    const said = 'WARNING: Number of errors: 0, skipped probes: 23';
    assert.equal(judgeFsync(run, summary, said).length, 1);
  });

  it('is found wrong when a line is broken off or its end is missing', async () => {
    const lines = read('stap.ndjson').trimEnd().split('\n');
    const file = path.join(temporaryDirectory(), 'altered.ndjson');
    writeFileSync(file, lines.with(23, lines[23]!.slice(0, -2)).join('\n'));
    assert.match(judgeFsync(run, await summaryOf(file), '').join('\n'), /^line 24: it is no JSON$/m);
    writeFileSync(file, lines.slice(0, -1).join('\n'));
    assert.deepEqual(judgeFsync(run, await summaryOf(file), ''), ['there is no detach']);
  });
});
