// What pgnetflow costs: the same work straight to PostgreSQL and through relays, in one run. `--help` lists the options.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Children } from './children.ts';
import { readEnvironment } from './environment.ts';
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
    choose(WORKLOADS, options.only);
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
  return [...WORKLOADS, ...relays(null)].map(({ name, about }) => `${name.padEnd(20)}${about}\n`).join('');
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
    if (options.json !== null) writeFileSync(options.json, toJson(run));
    return run.skipped.some(({ failed }) => failed) ? 1 : 0;
  } finally {
    await cleanUp();
  }
}

async function measure(options: Options, children: Children, directory: string): Promise<Run> {
  const skipped: Skipped[] = [];
  const samples: Sample[] = [];
  progress('starting PostgreSQL');
  const server = await startServer(options.pgBin);
  try {
    const environment = readEnvironment(server);
    const endpoint = { host: server.host, port: server.port };
    const targets: Target[] = [{ name: DIRECT, about: 'PostgreSQL itself', endpoint, pid: null }];
    for (const relay of choose(relays(options.profile), options.targets)) {
      const reason = missing(relay);
      if (reason !== null) {
        skipped.push({ what: relay.name, reason, failed: false });
        continue;
      }
      try {
        targets.push(await startRelay(relay, endpoint, children, directory));
      } catch (error) {
        skipped.push({ what: relay.name, reason: messageOf(error), failed: true });
      }
    }
    const workloads = choose(WORKLOADS, options.only).filter((workload) => isPossible(workload, skipped));
    for (const workload of workloads) {
      const results = await measureInRounds(workload, targets, options, children, progress);
      samples.push(...results.samples);
      skipped.push(...results.skipped);
    }
    const { rounds, size } = options;
    return { environment, rounds, size, targets, workloads, samples, skipped };
  } finally {
    await server.stop('immediate');
  }
}

/** Notes the reason when it is not. */
function isPossible({ name, program }: Workload, skipped: Skipped[]): boolean {
  if (program === undefined || findProgram(program) !== null) return true;
  skipped.push({ what: name, reason: `${program} is not installed`, failed: false });
  return false;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}
