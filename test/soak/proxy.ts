// A proxy as a process of its own, so that its memory can be measured: `node --expose-gc proxy.js HOST PORT`. Tells its
// port and answers questions over the channel to its parent; ends with it.
import { pino } from 'pino';
import { PROXY_DEFAULTS } from '../../src/proxy/options.ts';
import { startProxy } from '../../src/proxy/proxy.ts';
import type { ReportRecord } from '../../src/report/model.ts';

export type Question = 'memory' | 'report';

export type Answer =
  | { readonly kind: 'port'; readonly port: number }
  | { readonly kind: 'memory'; readonly rss: number; readonly peakRss: number }
  | { readonly kind: 'report'; readonly report: ReportRecord };

const [host = '127.0.0.1', port = '5432'] = process.argv.slice(2);
const proxy = await startProxy({
  ...PROXY_DEFAULTS,
  listen: [{ host: '127.0.0.1', port: 0 }],
  upstream: { host, port: Number(port) },
  log: pino({ level: 'silent' }),
});

function answer(message: Answer): void {
  process.send?.(message);
}

process.on('message', (question: Question) => {
  if (question === 'report') {
    answer({ kind: 'report', report: proxy.report() });
    return;
  }
  globalThis.gc?.();
  // Of resourceUsage, maxRSS is in kilobytes.
  answer({ kind: 'memory', rss: process.memoryUsage.rss(), peakRss: process.resourceUsage().maxRSS * 1024 });
});
process.on('disconnect', () => process.exit());

const [address] = proxy.addresses;
if (address === undefined || !('port' in address)) throw new Error('not listening on TCP');
answer({ kind: 'port', port: address.port });
