// A proxy in a process of its own: answers its parent's questions after its port and its memory.
import { pino } from 'pino';
import { startProxy } from '../../src/proxy/proxy.ts';

const [, , upstreamPort] = process.argv;
const proxy = await startProxy({
  listen: [{ host: '127.0.0.1', port: 0 }],
  upstream: { host: '127.0.0.1', port: Number(upstreamPort) },
  maxSessionsKept: 1000,
  maxQueryBytes: 1024,
  maxStatementsKept: 100,
  connectTimeoutMs: 5000,
  startupTimeoutMs: 5000,
  cancelTimeoutMs: 5000,
  log: pino({ level: 'silent' }),
});

const [address] = proxy.addresses;
const port = address !== undefined && 'port' in address ? address.port : 0;
process.on('message', (question) => {
  globalThis.gc?.();
  process.send?.(question === 'memory' ? process.memoryUsage.rss() : port);
});
process.on('disconnect', () => process.exit());
