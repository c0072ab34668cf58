// A proxy in a process of its own: answers its parent's questions after its port its memory and its sessions.
import { pino } from 'pino';
import { startProxy } from '../../src/proxy/proxy.ts';

const [, , upstreamPort] = process.argv;
const proxy = await startProxy({
  listen: [{ host: '127.0.0.1', port: 0 }],
  upstream: { host: '127.0.0.1', port: Number(upstreamPort) },
  maxSessionsKept: 1000,
  maxConnections: 20_000,
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
  if (question === 'memory') process.send?.(process.memoryUsage.rss());
  else if (question === 'sessions') process.send?.(proxy.openSessions);
  else process.send?.(port);
});
process.on('disconnect', () => process.exit());
