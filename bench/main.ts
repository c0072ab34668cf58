// What pgnetflow costs: the same work straight to PostgreSQL and through relays, in one run. `--help` lists the options.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type CertificateFiles, makeCertificate } from './certificate.ts';
import { Children } from './children.ts';
import { writeDocument } from './document.ts';
import { readEnvironment } from './environment.ts';
import { type MemoryFigures, measureMemory, memoryPlans } from './memory.ts';
import type { Sample, Skipped } from './model.ts';
import { choose, type Options, readOptions, USAGE } from './options.ts';
import { findProgram } from './programs.ts';
import { type Run, toJson, toMarkdown } from './report.ts';
import { measureInRounds } from './rounds.ts';
import { startServer } from './server.ts';
import { DIRECT, missing, relays, startRelay, type Target } from './targets/targets.ts';
import type { Workload } from './workloads/workload.ts';
import { WORKLOADS } from './workloads/workloads.ts';

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  let options: Options;
  try {
    options = readOptions(args);
    choose(everything(options.size), options.only);
    choose(relays(null), options.targets);
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n\n${USAGE}`);
    return 2;
  }
  if (options.show === 'usage') process.stdout.write(USAGE);
  else if (options.show === 'list') process.stdout.write(list());
  else return benchmark(options);
  return 0;
}

function list(): string {
  return [...everything(1), ...relays(null)]
    .map(({ name, about }) => `${name.padEnd(20)}${about}\n`)
    .join('');
}

/** What `--only` chooses from. */
function everything(size: number): readonly { readonly name: string; readonly about: string }[] {
  return [...WORKLOADS, ...memoryPlans(size)];
}

/**
 * Starts everything, measures, reports, and stops everything: also after a failure, SIGINT or SIGTERM.
 *
 * @returns exit status: 1 when something that is installed could not be measured
 */
async function benchmark(options: Options): Promise<number> {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'pgnetflow-bench-'));
  chmodSync(directory, 0o755);
  const children = new Children(directory);
  const cleanUp = async (): Promise<void> => {
    await children.stopAll();
    rmSync(directory, { recursive: true, force: true });
  };
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ] as const) {
    process.once(signal, () => {
      // The server ends with this process.
      void cleanUp().finally(() => process.exit(128 + number));
    });
  }
  try {
    const run = await measure(options, children, directory);
    process.stdout.write(toMarkdown(run));
    if (options.document !== null) await writeDocument(options.document, toMarkdown(run));
    return run.skipped.some(({ failed }) => failed) ? 1 : 0;
  } finally {
    await cleanUp();
  }
}

async function measure(options: Options, children: Children, directory: string): Promise<Run> {
  const skipped: Skipped[] = [];
  const samples: Sample[] = [];
  const memory: MemoryFigures[] = [];
  const certificate = makeCertificate(directory);
  progress('starting PostgreSQL');
  const server = await startServer(options.pgBin, certificate);
  try {
    const environment = readEnvironment(server);
    const endpoint = { host: server.host, port: server.port };
    const targets: Target[] = [{ name: DIRECT, about: 'PostgreSQL itself', endpoint, pid: null, tls: null }];
    for (const relay of choose(relays(options.profile), options.targets)) {
      const reason = missing(relay, certificate);
      if (reason !== null) {
        skipped.push({ what: relay.name, reason, failed: false });
        continue;
      }
      try {
        targets.push(await startRelay(relay, endpoint, certificate, children, directory));
      } catch (error) {
        skipped.push({ what: relay.name, reason: messageOf(error), failed: true });
      }
    }
    const { rounds, size } = options;
    const chosen = new Set(choose(everything(size), options.only).map(({ name }) => name));
    const workloads = WORKLOADS.filter(
      (workload) => chosen.has(workload.name) && isPossible(workload, certificate, skipped),
    );
    const run: Run = { environment, rounds, size, targets, workloads, samples, memory, skipped };
    const keep = (): void => {
      if (options.json !== null) writeFileSync(options.json, toJson(run));
    };
    const endByMs = performance.now() + options.minutes * 60_000;
    for (const [at, workload] of workloads.entries()) {
      const now = performance.now();
      const share = Math.max(0, endByMs - now) / (workloads.length - at);
      const plan = { rounds, size, endByMs: now + share, serverPid: server.pid };
      const results = await measureInRounds(workload, targets, plan, children, progress);
      samples.push(...results.samples);
      skipped.push(...results.skipped);
      keep();
    }
    for (const plan of memoryPlans(size)) {
      if (!chosen.has(plan.name)) continue;
      const figures = await measureMemory(plan, endpoint);
      memory.push(figures);
      if (figures.kind === 'failed') skipped.push({ what: plan.name, reason: figures.reason, failed: true });
      progress(`${plan.name}: ${figures.kind}`);
      keep();
    }
    return run;
  } finally {
    await server.stop('immediate');
  }
}

/** Notes the reason when it is not. */
function isPossible(
  { name, program, tls }: Workload,
  certificate: CertificateFiles | null,
  skipped: Skipped[],
): boolean {
  const wanting = [
    ...(program !== undefined && findProgram(program) === null ? [program] : []),
    ...(tls === true && certificate === null ? ['openssl'] : []),
  ];
  if (wanting.length === 0) return true;
  skipped.push({ what: name, reason: `${wanting.join(' and ')} not installed`, failed: false });
  return false;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}
