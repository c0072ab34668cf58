// pgnetflow as a process: takes the flags that the benchmark gives to `pgnetflow proxy`, until that command is used.
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { startProxy } from '../src/proxy/proxy.ts';
import { parseEndpoint } from './endpoint.ts';

const { values } = parseArgs({
  allowPositionals: true,
  options: { listen: { type: 'string' }, upstream: { type: 'string' } },
});

const proxy = await startProxy({
  listen: [parseEndpoint(values.listen)],
  upstream: parseEndpoint(values.upstream),
  maxQueryBytes: 4096,
  maxStatementsKept: 1000,
  maxSessionsKept: 1000,
  connectTimeoutMs: 10_000,
  startupTimeoutMs: 60_000,
  cancelTimeoutMs: 10_000,
  log: pino({ level: 'warn' }, pino.destination(2)),
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    proxy.stop();
    process.exit();
  });
}
