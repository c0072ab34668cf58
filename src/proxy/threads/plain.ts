import type { TlsContext } from '../../relay/tls_context.ts';
import type { ListenerOptions, ProxyOptions } from '../options.ts';
import type { PlainOptions, PlainPair, PlainTls } from './mail.ts';

/** What of the options can be sent to a thread, and nothing else that came with them. */
export function plainOptions(options: ProxyOptions): PlainOptions {
  return {
    accounting: options.accounting,
    queryText: options.queryText,
    maxQueryBytes: options.maxQueryBytes,
    maxStatementsKept: options.maxStatementsKept,
    maxStatementsInAll: options.maxStatementsInAll,
    maxSessionsKept: options.maxSessionsKept,
    maxFingerprints: options.maxFingerprints,
    maxConnections: options.maxConnections,
    reserve: options.reserve,
    maxCancels: options.maxCancels,
    diagnoseAfterMs: options.diagnoseAfterMs,
    console: options.console,
  };
}

export function plainPair(pair: ListenerOptions): PlainPair {
  const { clientTls, upstreamTls } = pair;
  return {
    listen: pair.listen,
    upstream: pair.upstream,
    proxyProtocolFrom: pair.proxyProtocolFrom,
    connectTimeoutMs: pair.connectTimeoutMs,
    startupTimeoutMs: pair.startupTimeoutMs,
    cancelTimeoutMs: pair.cancelTimeoutMs,
    tcpKeepaliveMs: pair.tcpKeepaliveMs,
    clientTls: clientTls === null || clientTls === 'passthrough' ? clientTls : plainTls(clientTls),
    upstreamTls: upstreamTls === null ? null : plainTls(upstreamTls),
  };
}

function plainTls<Tls extends { readonly context: TlsContext }>({ context, ...tls }: Tls): PlainTls<Tls> {
  const { files } = context;
  if (files === undefined) throw new Error('a thread needs the files that a TLS context was made of');
  const copies = Object.fromEntries(
    Object.entries(files).map(([name, bytes]) => [name, Uint8Array.from(bytes)]),
  );
  return { ...tls, files: copies };
}
