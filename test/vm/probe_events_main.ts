// What run.sh has the kernel, by each kind of events, and the proxy say of the same sessions: compares it, on the host.
//
//   node dist/test/vm/probe_events_main.js RESULTS
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { ReportRecord } from '../../src/report/model.ts';
import { readRecording } from '../support/probe_recording.ts';
import { judge, judgeAlike } from './judge.ts';

/** In the source tree: this runs from dist/test/vm. */
const CLI = path.join(import.meta.dirname, '..', '..', '..', 'dist', 'src', 'cli', 'main.js');

const results = process.argv[2] ?? '.';
const file = (name: string): string => path.join(results, name);
const read = (name: string): string => readFileSync(file(name), 'utf8');

const report: ReportRecord = JSON.parse(read('report.json'));
const kinds = read('events').trim().split(' ');
const recordings = new Map(kinds.map((kind) => [kind, read(`events_${kind}.ndjson`)]));
const [first = ''] = recordings.values();

let count = 0;
for (const [kind, recording] of recordings) {
  const lost = readRecording(recording).counts.get('lost') ?? 0;
  // Return probes may be too few (on Linux 5.10 as many as CPUs), and programs get into each other's way: what is told of
  // that must explain all differences, and crosscheck says whether it does.
  if (lost > 0) process.stdout.write(`${kind}: calls were missed, and told ${lost} times\n`);
  const faults =
    lost > 0
      ? []
      : [
          ...judge(report, recording, 'without flush'),
          ...judgeAlike(readRecording(first), readRecording(recording)),
        ];
  for (const fault of faults) process.stdout.write(`${kind}: ${fault}\n`);
  process.stdout.write(`${kind}: ${report.sessions.length} sessions, ${faults.length} faults\n`);
  const args = [CLI, 'crosscheck', '--strict', file('report.json'), file(`events_${kind}.ndjson`)];
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (status !== 0 || faults.length > 0) {
    process.stdout.write(read(`events_${kind}.log`));
    process.exitCode = 1;
  }
  count += faults.length;
}
process.stdout.write(`${kinds.join(', ')}: ${count} faults\n`);
