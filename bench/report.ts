import type { Environment } from './environment.ts';
import { cell, hundredths, table } from './markdown.ts';
import type { Sample, Skipped } from './model.ts';
import { type Summary, summarize } from './summary.ts';
import { DIRECT, type Target } from './targets/targets.ts';
import type { Workload } from './workloads/workload.ts';

const BUSY =
  'Part of the time in which the client that made the load used a CPU. Near 1.00 the client was the bottleneck.';

/** A finished run. */
export interface Run {
  readonly environment: Environment;
  readonly rounds: number;
  readonly size: number;
  readonly targets: readonly Target[];
  readonly workloads: readonly Workload[];
  readonly samples: readonly Sample[];
  readonly skipped: readonly Skipped[];
}

/** All that was measured, for programs. */
export function toJson(run: Run): string {
  const { environment, rounds, size, targets, workloads, samples, skipped } = run;
  const report = {
    schema: 'pgnetflow.bench/1',
    environment,
    rounds,
    size,
    targets: targets.map(({ name, about }) => ({ name, about })),
    workloads: workloads.map(({ name, about, metric }) => ({ name, about, ...metric })),
    summaries: summaries(run),
    skipped,
    samples,
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}

/** The same for people. Ratios come first: absolute figures move from run to run. */
export function toMarkdown(run: Run): string {
  const all = summaries(run);
  const of = (workload: Workload, target: string): Summary =>
    all.find((summary) => summary.workload === workload.name && summary.target === target)!;
  const relays = run.targets.filter(({ name }) => name !== DIRECT).map(({ name }) => name);
  const matrix = (
    targets: readonly string[],
    figure: (summary: Summary) => string,
    unit?: (workload: Workload) => string,
  ): string =>
    table(
      ['workload', ...(unit === undefined ? [] : ['unit']), ...targets],
      run.workloads.map((workload) => [
        workload.name,
        ...(unit === undefined ? [] : [unit(workload)]),
        ...targets.map((target) => figure(of(workload, target))),
      ]),
    );
  const ratios = matrix(relays, ({ ratio }) => cell(ratio, hundredths));
  const cpu = matrix(
    relays,
    (summary) => cell(summary.cpu),
    ({ metric }) => metric.cpuUnit,
  );
  const values = matrix(
    [DIRECT, ...relays],
    ({ value }) => cell(value),
    ({ metric }) => metric.unit,
  );
  const busy = matrix([DIRECT, ...relays], ({ clientBusy }) => cell(clientBusy, hundredths));
  const sections = [
    head(run),
    `## Speed, direct = 1\n\n${ratios}`,
    `## CPU time of the relay itself\n\n${cpu}`,
    `## Absolute figures\n\n${values}`,
    `## How busy the client was\n\n${BUSY}\n\n${busy}`,
    `## What was measured\n\n${run.workloads.map(({ name, about }) => `- ${name}: ${about}`).join('\n')}`,
  ];
  if (run.skipped.length > 0) {
    sections.push(
      `## Not measured\n\n${run.skipped.map(({ what, reason }) => `- ${what}: ${reason}`).join('\n')}`,
    );
  }
  return `${sections.join('\n\n')}\n`;
}

function head({ environment, rounds, size, targets }: Run): string {
  const { date, commit, cpus, cpuModel, kernel, load, node, postgres, pgbench } = environment;
  return [
    '# pgnetflow benchmark',
    '',
    `- ${date}, commit ${commit ?? 'unknown'}`,
    `- ${cpus} CPUs (${cpuModel}), ${kernel}, load ${load.toFixed(2)} at the start`,
    `- Node ${node}, PostgreSQL ${postgres}, pgbench ${pgbench ?? 'not installed'}`,
    `- ${rounds} ${rounds === 1 ? 'round' : 'rounds'}, to and fro between the targets, of ${size === 1 ? 'full' : `${size} of full`} size`,
    '- each figure: median (lowest..highest) of the rounds',
    ...targets.filter(({ name }) => name !== DIRECT).map(({ name, about }) => `- ${name}: ${about}`),
  ].join('\n');
}

function summaries({ workloads, targets, samples }: Run): Summary[] {
  return workloads.flatMap((workload) => targets.map(({ name }) => summarize(workload, name, samples)));
}
