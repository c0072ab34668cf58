import { Client } from 'pg';
import { ownCpuSeconds } from '../cpu.ts';
import { type Endpoint, METRICS } from '../model.ts';
import { spread } from '../statistics.ts';
import { LOGIN, RUN_TIMEOUT_MS, type Workload } from './workload.ts';

/** How long an application waits that opens a connection for one question, as the median of many. */
export const connect: Workload = {
  name: 'connect',
  about: 'connect, `select 1`, disconnect, one after the other (node-postgres)',
  metric: METRICS.latency,
  work: 500,
  measure: async (at, work) => {
    const giveUpAt = performance.now() + RUN_TIMEOUT_MS;
    const cpuBefore = ownCpuSeconds();
    const startedAt = performance.now();
    const durationsMs: number[] = [];
    while (durationsMs.length < work) {
      const before = performance.now();
      await connectAndAsk(at);
      durationsMs.push(performance.now() - before);
      if (performance.now() > giveUpAt) throw new Error(`${RUN_TIMEOUT_MS / 1000} s are over`);
    }
    return {
      value: spread(durationsMs)!.median,
      work: durationsMs.length,
      seconds: (performance.now() - startedAt) / 1000,
      clientCpuSeconds: ownCpuSeconds() - cpuBefore,
    };
  },
};

export async function connectAndAsk(at: Endpoint): Promise<void> {
  const client = new Client({ ...at, ...LOGIN, connectionTimeoutMillis: 5000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('select 1');
  } finally {
    await client.end();
  }
}
