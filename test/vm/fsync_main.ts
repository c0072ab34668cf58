// What run.sh has fsync.stp and the server say of the same work: compares it, on the host.
//
//   node dist/test/vm/fsync_main.js RESULTS
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { SummaryRecord } from '../../src/backend/trace/summary.ts';
import { type FsyncRun, judgeFsync } from './judge.ts';

/** In the source tree: this runs from dist/test/vm. */
const ROOT = path.join(import.meta.dirname, '..', '..', '..');
const CLI = path.join(ROOT, 'dist', 'src', 'cli', 'main.js');
const GOLDEN = path.join(ROOT, 'test', 'golden', 'fsync');

const results = process.argv[2] ?? '.';
const read = (name: string): string => readFileSync(path.join(results, name), 'utf8');
const recording = path.join(results, 'fsync.ndjson');

function traceFsync(...flags: string[]): string {
  const args = [CLI, 'trace', 'fsync', ...flags, '--records', recording];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 2 ** 28 });
  if (status !== 0) throw new Error(`pgnetflow trace fsync: ${stderr}`);
  return stdout;
}

const report = traceFsync();
const summary: SummaryRecord = JSON.parse(traceFsync('--json').trimEnd().split('\n').at(-1)!);
const run: FsyncRun = JSON.parse(read('fsync_server.json'));
const faults = judgeFsync(run, read('fsync.ndjson'), summary, read('fsync_staprun.log'));
process.stdout.write(report);
for (const fault of faults) process.stdout.write(`${fault}\n`);
process.stdout.write(`${summary.totals.fsyncs} fsyncs of ${summary.by.length} kinds of process, ${faults.length} faults\n`);
if (faults.length > 0) process.exitCode = 1;

if (faults.length === 0 && process.env['UPDATE_GOLDEN'] === '1') {
  mkdirSync(GOLDEN, { recursive: true });
  copyFileSync(recording, path.join(GOLDEN, 'stap.ndjson'));
  copyFileSync(path.join(results, 'fsync_server.json'), path.join(GOLDEN, 'stap_server.json'));
  writeFileSync(path.join(GOLDEN, 'stap_report.txt'), report);
}
