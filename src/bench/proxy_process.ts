// The proxy of a measurement, as a process of its own: its parent says what it is to stand before, and asks for its report.
import { pino } from 'pino';
import { startProxy } from '../proxy/proxy.ts';
import type { Address } from '../relay/address.ts';
import { tlsContext } from '../relay/tls_context.ts';
import type { UpstreamTls } from '../relay/upstream_tls.ts';
import type { ReportRecord } from '../report/model.ts';
import type { ServerTls } from './server.ts';

export interface Setup {
  readonly upstream: Address;
  readonly tls: ServerTls | null;
}

export type Question = 'cpu' | 'report';

export interface Answers {
  /** Where it listens, on 127.0.0.1. */
  readonly port: number;
  /** CPU seconds that it has used so far. */
  readonly cpu: number;
  readonly report: ReportRecord;
  readonly error: string;
}

process.on('disconnect', () => process.exit());
process.once('message', (setup: Setup) => {
  void start(setup).catch((error: unknown) => {
    answer({ error: error instanceof Error ? error.message : String(error) });
  });
});

async function start({ upstream, tls }: Setup): Promise<void> {
  const proxy = await startProxy({
    listen: [{ host: '127.0.0.1', port: 0 }],
    upstream,
    upstreamTls: tls === null ? null : upstreamTls(tls),
    log: pino({ level: 'silent' }),
  });
  const [address] = proxy.addresses;
  if (address === undefined || 'path' in address) throw new Error('a proxy without a port');
  process.on('message', (question: Question) => {
    if (question === 'report') {
      answer({ report: proxy.report() });
      return;
    }
    const { user, system } = process.cpuUsage();
    answer({ cpu: (user + system) / 1e6 });
  });
  answer({ port: address.port });
}

function upstreamTls({ isVerified, ...files }: ServerTls): UpstreamTls {
  return {
    mode: isVerified ? 'verify-full' : 'require',
    negotiation: 'postgres',
    verifyAuthority: isVerified,
    context: { current: tlsContext(files) },
  };
}

function answer(message: Partial<Answers>): void {
  process.send?.(message);
}
