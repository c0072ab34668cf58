// Proxies that relay in threads, for tests.
import { after } from 'node:test';
import { pino } from 'pino';
import type { ProxyOptions } from '../../src/proxy/options.ts';
import {
  type OutputLines,
  type RelayThreads,
  startRelayThreads,
} from '../../src/proxy/threads/relay_threads.ts';
import type { Address } from '../../src/relay/address.ts';
import { WHOLE } from '../../src/report/figures.ts';
import type { ReportRecord } from '../../src/report/model.ts';
import type { StatementLine } from '../../src/report/statement_line.ts';
import { ANY_PORT, type LogLine } from './proxies.ts';
import { connectTo, type Peer } from './peers.ts';

export interface ThreadsLab {
  readonly proxy: RelayThreads;
  readonly log: LogLine[];
  readonly statements: StatementLine[];
  readonly trace: string[];
  connect(): Promise<Peer>;
  report(): Promise<ReportRecord>;
}

/** A proxy with so many relay threads before a server; stopped when the test ends. */
export async function relayThreads(
  upstream: Address,
  workers: number,
  options: Partial<ProxyOptions> = {},
  { listen = ANY_PORT, worker }: { listen?: Address; worker?: URL } = {},
): Promise<ThreadsLab> {
  const log: LogLine[] = [];
  const statements: StatementLine[] = [];
  const trace: string[] = [];
  const lines: OutputLines = {
    statement: (line) => statements.push(line),
    trace: (line) => trace.push(line),
  };
  const proxy = await startRelayThreads(
    {
      listen: [listen],
      upstream,
      connectTimeoutMs: 5000,
      startupTimeoutMs: 5000,
      cancelTimeoutMs: 5000,
      log: pino({ level: 'debug' }, { write: (line: string) => log.push(JSON.parse(line)) }),
      ...options,
    },
    workers,
    lines,
    worker,
  );
  after(() => proxy.stop());
  return {
    proxy,
    log,
    statements,
    trace,
    connect: () => connectTo(proxy.addresses[0]!),
    report: () => proxy.collector.inquire({ maxAgeMs: 0, ...WHOLE }),
  };
}
