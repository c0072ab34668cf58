// What run.sh has fsync.stp and the server say of the same work: compares it, on the host.
//
//   node dist/test/vm/fsync_main.js RESULTS
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { SummaryRecord } from '../../src/backend/trace/summary.ts';
import { type FsyncRun, judgeFsync, judgeOneBackend, type OneBackend } from './judge.ts';

/** In the source tree: this runs from dist/test/vm. */
const ROOT = path.join(import.meta.dirname, '..', '..', '..');
const CLI = path.join(ROOT, 'dist', 'src', 'cli', 'main.js');
const GOLDEN = path.join(ROOT, 'test', 'golden', 'fsync');

const results = process.argv[2] ?? '.';
const read = (name: string): string => readFileSync(path.join(results, name), 'utf8');

function traceFsync(file: string, ...flags: string[]): string {
  const args = [CLI, 'trace', 'fsync', ...flags, '--records', path.join(results, file)];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(`pgnetflow trace fsync: ${stderr}`);
  return stdout;
}

const summaryOf = (file: string): SummaryRecord =>
  JSON.parse(traceFsync(file, '--json').trimEnd().split('\n').at(-1)!);

const all: [FsyncRun, SummaryRecord, string] = [
  JSON.parse(read('fsync_server.json')),
  summaryOf('fsync.ndjson'),
  read('fsync_staprun.log'),
];
const one: [OneBackend, SummaryRecord, string] = [
  JSON.parse(read('fsync_one_server.json')),
  summaryOf('fsync_one.ndjson'),
  read('fsync_one_staprun.log'),
];
const report = traceFsync('fsync.ndjson');
process.stdout.write(`${report}\n${traceFsync('fsync_one.ndjson')}\n`);
const faults = [...judgeFsync(...all), ...judgeOneBackend(...one)];
for (const fault of faults) process.stdout.write(`${fault}\n`);
const fsyncs = [all, one].map(([, { totals }]) => totals.fsyncs);
process.stdout.write(`${fsyncs.join(' and ')} fsyncs, ${faults.length} differences\n`);
if (faults.length > 0) process.exitCode = 1;

if (faults.length === 0 && process.env['UPDATE_GOLDEN'] === '1') {
  mkdirSync(GOLDEN, { recursive: true });
  for (const name of ['fsync', 'fsync_one']) {
    const golden = path.join(GOLDEN, name.replace('fsync', 'stap'));
    copyFileSync(path.join(results, `${name}.ndjson`), `${golden}.ndjson`);
    copyFileSync(path.join(results, `${name}_server.json`), `${golden}_server.json`);
  }
  writeFileSync(path.join(GOLDEN, 'stap_report.txt'), report);
}
