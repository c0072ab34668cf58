import { escapeBlock, escapeLine } from './escape.ts';
import type { EndpointRecord, FlowRecord, SessionIdentity, StatementRecord } from './model.ts';
import { perSecond, wholeKib } from './units.ts';

/** What a pair of flow lines tells: whose bytes, which, and over how long. */
export interface FlowLinesInput {
  readonly client: EndpointRecord;
  readonly server: EndpointRecord | null;
  readonly R: FlowRecord;
  readonly S: FlowRecord;
  readonly us: number;
}

/**
 * The two lines of a statement or session, the larger first; a direction without bytes has none.
 *
 *     -S-from:SERVER:PORT-to:CLIENT:PORT, pkgs:N, Kbytes:N, pkgs/s:N, Kbytes/s:N
 *     -R-from:CLIENT:PORT-to:SERVER:PORT, pkgs:N, Kbytes:N, pkgs/s:N, Kbytes/s:N
 *
 * `pkgs` are socket operations on the server leg: reads from the server for S, writes to the server for R.
 */
export function flowLines({ client, server, R, S, us }: FlowLinesInput): string[] {
  const clientName = formatEndpoint(client);
  const serverName = formatEndpoint(server);
  const line = (letter: 'R' | 'S', from: string, to: string, packets: number, bytes: number): string =>
    `-${letter}-from:${from}-to:${to}, pkgs:${packets}, Kbytes:${wholeKib(bytes)}, ` +
    `pkgs/s:${perSecond(packets, us)}, Kbytes/s:${perSecond(bytes / 1024, us)}`;
  const sent = S.bytes > 0 ? [line('S', serverName, clientName, S.reads, S.bytes)] : [];
  const received = R.bytes > 0 ? [line('R', clientName, serverName, R.writes, R.bytes)] : [];
  return S.bytes >= R.bytes ? [...sent, ...received] : [...received, ...sent];
}

/** The block that `--live` prints as a statement ends: its text, then its flow lines. */
export function statementBlock(session: SessionIdentity, statement: StatementRecord): string {
  const { R, S, time } = statement;
  const lines = flowLines({
    client: session.client,
    server: session.server,
    R,
    S,
    us: time.duration_us ?? 0,
  });
  return [`query: ${queryText(statement, escapeBlock)}`, ...lines, ''].join('\n');
}

/** The text of a statement, marked where it was cut; what kind it is when it has none. */
export function queryText(
  { query, query_truncated, kind }: StatementRecord,
  escape: (text: string) => string,
): string {
  if (query === null) return `(no text: ${kind})`;
  return query_truncated ? `${escape(query)}…` : escape(query);
}

/** `address:port`, an IPv6 address in brackets; a Unix-domain socket is its path and port 0; `-:0` is nobody. */
export function formatEndpoint(endpoint: EndpointRecord | null): string {
  const address = escapeLine(endpoint?.address ?? '');
  const port = endpoint?.port ?? 0;
  if (address === '') return `-:${port}`;
  return address.includes(':') && !address.startsWith('/') ? `[${address}]:${port}` : `${address}:${port}`;
}
