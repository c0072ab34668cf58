// A proxy before a real server, in the test's own process; stopped when the file, suite or test that started it ends.
import assert from 'node:assert/strict';
import type { PostgresServer } from '../../src/embedded/postgres.ts';
import type { ReportRecord } from '../../src/report/model.ts';
import { assertConserved, assertFingerprinted, assertOperationsBooked } from './conservation.ts';
import { ANY_PORT, startTestProxy, type TestOptions, type TestProxy } from './proxies.ts';

/** `host` and `port` are what a client library takes to connect. `settled` proves that everything is conserved. */
export interface RunningProxy extends Pick<TestProxy, 'proxy' | 'settled'> {
  readonly host: '127.0.0.1';
  readonly port: number;
}

/** Keeps everything, so that everything can be proved. */
const KEEPS_ALL = { maxSessionsKept: 10_007, maxStatementsKept: 100_003, maxQueryBytes: 4096 };

export async function proxyBefore(server: PostgresServer, options: TestOptions = {}): Promise<RunningProxy> {
  const upstream = { host: server.host, port: server.port };
  const running = await startTestProxy({
    listen: [ANY_PORT],
    upstream,
    ...KEEPS_ALL,
    ...options,
  });
  const { proxy, address } = running;
  assert.ok('port' in address, 'the first listener must be TCP');
  return {
    proxy,
    host: '127.0.0.1',
    port: address.port,
    settled: async () => {
      const report = await running.settled();
      assertAllProved(report);
      return report;
    },
  };
}

function assertAllProved(report: ReportRecord): void {
  assertConserved(report);
  for (const session of report.sessions) assertOperationsBooked(session);
  assertFingerprinted(report);
}
