import { Client } from 'pg';
import { Distribution } from '../../src/account/distribution.ts';
import { ownCpuSeconds } from '../cpu.ts';
import { type Endpoint, METRICS } from '../model.ts';
import { spread } from '../statistics.ts';
import { LOGIN, RUN_TIMEOUT_MS, type Workload } from './workload.ts';

/** How long an application waits that opens a connection for one question, as the median of many. */
export const connect: Workload = {
  name: 'connect',
  about: 'from connect to the answer of `select 1`, one session after the other (node-postgres)',
  metric: METRICS.latency,
  work: 500,
  measure: async (at, work) => {
    const giveUpAt = performance.now() + RUN_TIMEOUT_MS;
    const cpuBefore = ownCpuSeconds();
    const startedAt = performance.now();
    const durationsMs: number[] = [];
    const latencyUs = new Distribution();
    while (durationsMs.length < work) {
      const durationMs = await connectAndAsk(at);
      durationsMs.push(durationMs);
      latencyUs.record(Math.round(durationMs * 1000));
      if (performance.now() > giveUpAt) throw new Error(`${RUN_TIMEOUT_MS / 1000} s are over`);
    }
    return {
      value: spread(durationsMs)!.median,
      work: durationsMs.length,
      seconds: (performance.now() - startedAt) / 1000,
      clientCpuSeconds: ownCpuSeconds() - cpuBefore,
      latencyUs: latencyUs.quantiles(),
    };
  },
};

/** @returns milliseconds until the answer */
export async function connectAndAsk({ host, port, tls }: Endpoint): Promise<number> {
  const ssl = tls === true && { rejectUnauthorized: false };
  const client = new Client({ host, port, ssl, ...LOGIN, connectionTimeoutMillis: 5000 });
  client.on('error', () => undefined);
  const startedAt = performance.now();
  try {
    await client.connect();
    await client.query('select 1');
    return performance.now() - startedAt;
  } finally {
    await client.end();
  }
}
