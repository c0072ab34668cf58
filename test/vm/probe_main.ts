// What run.sh has `pgnetflow probe` and the proxy say of the same sessions: compares it, on the host.
//
//   node dist/test/vm/probe_main.js RESULTS METHOD
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Method } from '../../src/kernel/probe/record.ts';
import { METHODS } from '../../src/kernel/probe/start.ts';
import type { ReportRecord } from '../../src/report/model.ts';
import { judge, judgeWitnessed } from './judge.ts';

/** In the source tree: this runs from dist/test/vm. */
const CLI = path.join(import.meta.dirname, '..', '..', '..', 'dist', 'src', 'cli', 'main.js');

const [results = '.', asked = ''] = process.argv.slice(2);
const method = METHODS.find((one) => one === asked);
if (method === undefined) throw new Error(`there is no method ${asked}`);

/** Of `to_file`: also as a user would compare it. */
function judgeFile(folder: string): string[] {
  const [reportFile, probeFile] = [path.join(folder, 'report.json'), path.join(folder, 'probe.ndjson')];
  const faults = judge(reportIn(folder), readFileSync(probeFile, 'utf8'), 'without flush');
  const args = [CLI, 'crosscheck', '--strict', reportFile, probeFile];
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  return status === 0 ? faults : [...faults, `crosscheck --strict ended with status ${status}`];
}

/** Of `to_proxy`: the report has the verdicts itself. */
function judgeProxy(folder: string, by: Method): string[] {
  const report = reportIn(folder);
  process.stdout.write(`${JSON.stringify(report.kernel, null, 2)}\n`);
  return judgeWitnessed(report, by);
}

function reportIn(folder: string): ReportRecord {
  const report: ReportRecord = JSON.parse(readFileSync(path.join(folder, 'report.json'), 'utf8'));
  return report;
}

const [toFile, toProxy] = [`${method}_file`, `${method}_proxy`].map((name) => path.join(results, name));
for (const [what, folder, faults] of [
  ['in a file', toFile!, judgeFile(toFile!)],
  ['attached to the proxy', toProxy!, judgeProxy(toProxy!, method)],
] as const) {
  for (const fault of faults) process.stdout.write(`${fault}\n`);
  process.stdout.write(`${method}, ${what}: ${faults.length} differences\n`);
  if (faults.length === 0) continue;
  process.stdout.write(readFileSync(path.join(folder, 'probe.log'), 'utf8'));
  process.exitCode = 1;
}
