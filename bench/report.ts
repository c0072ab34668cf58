import type { Environment } from './environment.ts';
import { judge, type Verdict } from './goals.ts';
import { cell, hundredths, table, threeDigits } from './markdown.ts';
import type { MemoryFigures } from './memory.ts';
import type { Sample, Skipped } from './model.ts';
import { type Summary, summarize } from './summary.ts';
import { DIRECT, endpointFor, type Target } from './targets/targets.ts';
import type { Workload } from './workloads/workload.ts';

const BUSY =
  'CPUs that the client which made the load used. Near 1.00 of a client with one thread, it was the client that was ' +
  'measured.';
const RESPONSE =
  'From when a transaction was due until its answer (`rate-…`), or from connect to the first answer; within 1 %. ' +
  'Added: beyond the direct one of the same round.';

/** A finished run, or what there is of it. */
export interface Run {
  readonly environment: Environment;
  readonly rounds: number;
  readonly size: number;
  readonly targets: readonly Target[];
  readonly workloads: readonly Workload[];
  readonly samples: readonly Sample[];
  readonly memory: readonly MemoryFigures[];
  readonly skipped: readonly Skipped[];
}

/** All that was measured, for programs. */
export function toJson(run: Run): string {
  const { environment, rounds, size, targets, workloads, samples, memory, skipped } = run;
  const report = {
    schema: 'pgnetflow.bench/1',
    environment,
    rounds,
    size,
    targets: targets.map(({ name, about }) => ({ name, about })),
    workloads: workloads.map(({ name, about, metric }) => ({ name, about, ...metric })),
    goals: judge(run),
    summaries: summaries(run),
    memory,
    skipped,
    samples,
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}

/** The same for people. Ratios come first: absolute figures move from run to run. */
export function toMarkdown(run: Run): string {
  const all = summaries(run);
  const families = [false, true].map((overTls) => familyOf(run, overTls));
  const each = (
    title: string,
    text: string,
    withDirect: boolean,
    figure: (summary: Summary) => string,
    unit?: (workload: Workload) => string,
    isShown: (workload: Workload) => boolean = () => true,
  ): string[] => {
    const tables = families.flatMap(({ workloads, relays }) => {
      const shown = workloads.filter(isShown);
      const targets = withDirect ? [DIRECT, ...relays] : relays;
      if (shown.length === 0 || targets.length === 0) return [];
      const rows = shown.map((workload) => [
        workload.name,
        ...(unit === undefined ? [] : [unit(workload)]),
        ...targets.map((target) =>
          figure(all.find((one) => one.workload === workload.name && one.target === target)!),
        ),
      ]);
      return [table(['workload', ...(unit === undefined ? [] : ['unit']), ...targets], rows)];
    });
    return tables.length === 0
      ? []
      : [[`## ${title}`, ...(text === '' ? [] : [text]), ...tables].join('\n\n')];
  };
  const hasLatency = ({ name }: Workload): boolean =>
    run.samples.some(({ workload, latencyUs }) => workload === name && latencyUs !== undefined);
  const latency = (title: string, text: string, figure: (summary: Summary) => string, withDirect: boolean) =>
    each(title, text, withDirect, figure, () => 'µs', hasLatency);
  const isInRun = ({ goal, workload }: Verdict): boolean =>
    goal === 'memory' ||
    run.workloads.some(({ name }) => name === workload) ||
    run.skipped.some(({ what }) => what === workload);
  return `${[
    head(run),
    ...goals(judge(run).filter(isInRun)),
    ...each('Speed, direct = 1', '', false, ({ ratio }) => cell(ratio, hundredths)),
    ...each(
      'CPU time of the relay itself',
      '',
      false,
      (summary) => cell(summary.cpu),
      ({ metric }) => metric.cpuUnit,
    ),
    ...latency('Latency, p50', RESPONSE, ({ p50Us }) => cell(p50Us), true),
    ...latency('Latency, p99', '', ({ p99Us }) => cell(p99Us), true),
    ...latency('Added latency, p50', '', ({ addedP50Us }) => cell(addedP50Us), false),
    ...latency('Added latency, p99', '', ({ addedP99Us }) => cell(addedP99Us), false),
    ...memorySection(run.memory),
    ...each(
      'Absolute figures',
      '',
      true,
      ({ value }) => cell(value),
      ({ metric }) => metric.unit,
    ),
    ...each('How busy the client was', BUSY, true, ({ clientBusy }) => cell(clientBusy, hundredths)),
    ...each('How busy PostgreSQL was', 'CPUs that it used.', true, ({ serverBusy }) =>
      cell(serverBusy, hundredths),
    ),
    `## What was measured\n\n${[...run.workloads, ...run.memory].map(({ name, about }) => `- ${name}: ${about}`).join('\n')}`,
    ...(run.skipped.length === 0
      ? []
      : [`## Not measured\n\n${run.skipped.map(({ what, reason }) => `- ${what}: ${reason}`).join('\n')}`]),
  ].join('\n\n')}\n`;
}

/** The workloads in the clear or over TLS, and the relays that take part in them. */
function familyOf(
  { workloads, targets }: Run,
  overTls: boolean,
): { readonly workloads: readonly Workload[]; readonly relays: readonly string[] } {
  return {
    workloads: workloads.filter(({ tls = false }) => tls === overTls),
    relays: targets
      .filter((target) => target.name !== DIRECT && endpointFor(target, overTls) !== null)
      .map(({ name }) => name),
  };
}

function goals(verdicts: readonly Verdict[]): string[] {
  if (verdicts.length === 0) return [];
  const judged = verdicts.filter(({ met }) => met !== null);
  const met = judged.filter((verdict) => verdict.met === true).length;
  const rows = verdicts.map(({ goal, workload, bound, measured, unit, met: isMet, remark }) => [
    goal,
    workload,
    bound,
    measured === null ? '–' : `${goalCell(measured)}${unit === null ? '' : ` ${unit}`}`,
    isMet === null ? 'not judged' : isMet ? 'met' : 'NOT MET',
    remark ?? (measured === null ? 'not measured' : ''),
  ]);
  const text =
    'Medians of the ratios within each round, of pgnetflow (books on, one process) to what it is compared with. ' +
    `Of ${verdicts.length} goals ${judged.length} were judged: ${met} met, ${judged.length - met} not.`;
  return [
    `## Goals\n\n${text}\n\n${table(['goal', 'workload', 'bound', 'measured', 'verdict', 'remark'], rows)}`,
  ];
}

function goalCell(figure: NonNullable<Verdict['measured']>): string {
  return figure.lowest === figure.highest
    ? threeDigits(figure.median)
    : cell(figure, (value) => (value < 10 ? hundredths(value) : threeDigits(value)));
}

function memorySection(all: readonly MemoryFigures[]): string[] {
  if (all.length === 0) return [];
  const rows = all.map((figures) => {
    if (figures.kind === 'failed')
      return [`${figures.about}: FAILED: ${figures.reason}`, '–', '–', '–', '–', '–'];
    if (figures.kind === 'sessions') {
      const each = `${threeDigits(figures.bytesEach / 1024)} KB × ${figures.sessions}`;
      return [figures.about, '–', '–', '–', '–', each];
    }
    const { before, early, after, peak } = figures;
    return [figures.about, ...[before, early, after, peak].map(megabytes), '–'];
  });
  const columns = ['before', 'after a tenth', 'after all', 'at its peak', 'per session'];
  return [`## Memory of the proxy, resident\n\n${table(['scenario', ...columns], rows)}`];
}

function megabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

function head({ environment, rounds, size, targets }: Run): string {
  const { date, commit, cpus, cpuModel, kernel, load, node, postgres, pgbench, openssl } = environment;
  return [
    '# pgnetflow benchmark',
    '',
    `- ${date}, commit ${commit ?? 'unknown'}`,
    `- ${cpus} CPUs (${cpuModel}), ${kernel}, load ${load.toFixed(2)} at the start`,
    `- Node ${node}, PostgreSQL ${postgres}, pgbench ${pgbench ?? 'not installed'}, OpenSSL ${openssl ?? 'not installed'}`,
    `- ${rounds} ${rounds === 1 ? 'round' : 'rounds'}, to and fro between the targets, of ${size === 1 ? 'full' : `${size} of full`} size`,
    '- each figure: median (lowest..highest) of the rounds',
    ...targets.filter(({ name }) => name !== DIRECT).map(({ name, about }) => `- ${name}: ${about}`),
  ].join('\n');
}

function summaries({ workloads, targets, samples }: Run): Summary[] {
  return workloads.flatMap((workload) => targets.map(({ name }) => summarize(workload, name, samples)));
}
