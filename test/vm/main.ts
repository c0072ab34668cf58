// What run.sh has the kernel and the proxy say of the same sessions: compares it, on the host.
//
//   node dist/test/vm/main.js RESULTS
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ReportRecord } from '../../src/report/model.ts';
import { judge } from './judge.ts';

/** In the source tree: this runs from dist/test/vm. */
const ROOT = path.join(import.meta.dirname, '..', '..', '..');
const CLI = path.join(ROOT, 'dist', 'src', 'cli', 'main.js');
const GOLDEN = path.join(ROOT, 'test', 'golden', 'kernel');

const results = process.argv[2] ?? '.';
const reportFile = path.join(results, 'report.json');
const probeFile = path.join(results, 'probe.ndjson');

const report: ReportRecord = JSON.parse(readFileSync(reportFile, 'utf8'));
const faults = judge(report, readFileSync(probeFile, 'utf8'));
for (const fault of faults) process.stdout.write(`${fault}\n`);
process.stdout.write(`${report.sessions.length} sessions, ${faults.length} differences\n`);
if (faults.length > 0) {
  process.stdout.write(readFileSync(path.join(results, 'staprun.log'), 'utf8'));
  process.exitCode = 1;
}

if (spawnSync(process.execPath, [CLI, '--help'], { encoding: 'utf8' }).stdout.includes('crosscheck')) {
  const check = spawnSync(process.execPath, [CLI, 'crosscheck', reportFile, probeFile], { stdio: 'inherit' });
  if (check.status !== 0) process.exitCode = 1;
} else {
  process.stdout.write('crosscheck: this version has no such command\n');
}

if (process.exitCode !== 1 && process.env['UPDATE_GOLDEN'] === '1') {
  mkdirSync(GOLDEN, { recursive: true });
  // On one line, for it is long.
  writeFileSync(path.join(GOLDEN, 'report.json'), `${JSON.stringify(report)}\n`);
  copyFileSync(probeFile, path.join(GOLDEN, 'probe.ndjson'));
}
