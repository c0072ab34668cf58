import { readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { Distribution } from '../../src/account/distribution.ts';
import { METRICS } from '../model.ts';
import { runPgbench } from './pgbench.ts';
import type { Workload } from './workload.ts';

const CLIENTS = 4;
/** Transactions per second: a tenth of what any target here can do, so that nobody waits in a queue. */
const RATE = 1000;
const PREFIX = 'rate';

/**
 * Latency at a fixed rate. pgbench counts from when a transaction was due, not from when it was sent, so that a pause
 * meets all who should have come in it.
 */
export const atFixedRate: Workload = {
  name: 'rate-1000',
  about: `pgbench -S -R ${RATE}, ${CLIENTS} clients, prepared protocol: the median latency`,
  metric: METRICS.response,
  program: 'pgbench',
  work: 4 * RATE,
  measure: async (at, work, children) => {
    const flags = ['-M', 'prepared', '-R', `${RATE}`, '-l', '--log-prefix', PREFIX];
    const measurement = await runPgbench(at, work, CLIENTS, flags, children);
    const latencyUs = new Distribution();
    for (const file of takeLogs(children.directory)) recordLatencies(file, latencyUs);
    const quantiles = latencyUs.quantiles();
    return { ...measurement, value: quantiles.p50 / 1000, latencyUs: quantiles };
  },
};

/** Adds a log of pgbench: client, transaction, latency in µs, and more, in each line. */
export function recordLatencies(log: string, latencyUs: Distribution): void {
  for (const line of log.split('\n')) {
    const [, , latency] = line.split(' ', 3);
    if (latency !== undefined) latencyUs.record(Number(latency));
  }
}

/** What pgbench has written: a file for each of its threads. */
function takeLogs(directory: string): string[] {
  const names = readdirSync(directory).filter((name) => new RegExp(`^${PREFIX}\\.\\d+`).test(name));
  return names.map((name) => {
    const file = path.join(directory, name);
    const text = readFileSync(file, 'utf8');
    rmSync(file);
    return text;
  });
}
