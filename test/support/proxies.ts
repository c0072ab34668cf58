// Proxies for tests: started on a free port, stopped when the test ends, and with what they log kept.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { pino } from 'pino';
import type { ListenerOptions, ListenerStart, ProxyOptions } from '../../src/proxy/options.ts';
import { type Proxy, startProxy } from '../../src/proxy/proxy.ts';
import type { Address } from '../../src/relay/address.ts';
import type { ReportRecord, SessionRecord, StatementRecord } from '../../src/report/model.ts';
import { client, server } from './messages.ts';
import { connectTo, type FakeServer, fakeServer, type Peer } from './peers.ts';
import { until } from './until.ts';

export interface LogLine {
  readonly level: number;
  readonly msg: string;
}

function logLine(json: string): LogLine {
  const line: unknown = JSON.parse(json);
  assert.ok(typeof line === 'object' && line !== null && 'level' in line && 'msg' in line, json);
  return { level: Number(line.level), msg: String(line.msg) };
}

export interface TestProxy {
  readonly proxy: Proxy;
  /** What it logged. */
  readonly log: LogLine[];
  readonly address: Address;
  connect(): Promise<Peer>;
  /** Waits until no session is open, and proves that the books of all of them balance. */
  settled(): Promise<ReportRecord>;
}

/** All that a proxy with one listener can be told. */
export type TestOptions = Partial<ProxyOptions & ListenerOptions>;

export function testProxy(upstream: Address, options: TestOptions = {}): Promise<TestProxy> {
  return startTestProxy({
    listen: [ANY_PORT],
    upstream,
    connectTimeoutMs: 5000,
    startupTimeoutMs: 5000,
    cancelTimeoutMs: 5000,
    ...options,
  });
}

export const ANY_PORT = { host: '127.0.0.1', port: 0 };

/** A proxy with any number of listeners; `address` is the first. */
export async function startTestProxy(
  start: Partial<ProxyOptions> & (ListenerStart | { readonly listeners: readonly ListenerStart[] }),
): Promise<TestProxy> {
  const log: LogLine[] = [];
  const proxy = await startProxy({
    maxSessionsKept: 2000,
    maxQueryBytes: 1024,
    maxStatementsKept: 100,
    log: pino({ level: 'debug' }, { write: (line: string) => log.push(logLine(line)) }),
    ...start,
  });
  after(() => proxy.stop());
  const address = proxy.addresses[0]!;
  return {
    proxy,
    log,
    address,
    connect: () => connectTo(address),
    settled: async () => {
      await until(() => proxy.openSessions === 0, 'the end of all sessions');
      const report = proxy.report();
      for (const session of report.sessions) assertBalanced(session);
      assert.equal(report.dropped.unbalanced, 0);
      return report;
    },
  };
}

export function assertBalanced(session: SessionRecord): void {
  assert.deepEqual(session.imbalances, [], JSON.stringify(session.wire));
  assert.equal(session.balanced, true);
}

/** Of the session that {@link greeting} opens, as it stands in a CancelRequest behind the number 4711. */
export const KEY = Buffer.from([1, 2, 3, 4]);

/** Everything a server says to a StartupMessage that it accepts. */
export const greeting = Buffer.concat([
  server.authenticationOk(),
  server.parameterStatus('server_version', '17.2'),
  server.backendKeyData(4711, KEY),
  server.ready(),
]);

/** A client and the server's end of its session, both past the first ReadyForQuery. */
export interface Pair {
  readonly client: Peer;
  readonly server: Peer;
}

/** Opens a session through a proxy. */
export async function openPair(proxy: TestProxy, upstream: FakeServer): Promise<Pair> {
  const startup = client.startup();
  const clientEnd = await proxy.connect();
  clientEnd.send(startup);
  const serverEnd = await upstream.accept();
  assert.deepEqual(await serverEnd.receive(startup.length), startup);
  serverEnd.send(greeting);
  assert.deepEqual(await clientEnd.receive(greeting.length), greeting);
  return { client: clientEnd, server: serverEnd };
}

/** Both ends close. */
export function leave(pair: Pair): void {
  pair.client.end();
  pair.server.end();
}

/** A fake server, a proxy before it, and a session between them. */
export async function openSession(
  options: TestOptions = {},
): Promise<Pair & { proxy: TestProxy; upstream: FakeServer }> {
  const upstream = await fakeServer();
  const proxy = await testProxy(upstream.address, options);
  return { proxy, upstream, ...(await openPair(proxy, upstream)) };
}

/** The only session of a report. */
export function onlySession(report: ReportRecord): SessionRecord {
  assert.equal(report.sessions.length, 1);
  return report.sessions[0]!;
}

/** A session's statement by its number, from 1. */
export function statementOf(session: SessionRecord, seq = 1): StatementRecord {
  const found = session.statements.find((statement) => statement.seq === seq);
  assert.ok(found !== undefined, `no statement ${seq}`);
  return found;
}

/** The fields of an ErrorResponse that is all there is in some bytes. */
export function onlyError(bytes: Buffer): Record<string, string> {
  assert.equal(bytes.toString('latin1', 0, 1), 'E', `not one ErrorResponse: ${bytes.toString()}`);
  assert.equal(bytes.readInt32BE(1), bytes.length - 1, `not one ErrorResponse: ${bytes.toString()}`);
  const fields = bytes.toString('utf8', 5, bytes.length - 2).split('\0');
  return Object.fromEntries(fields.map((field) => [field.slice(0, 1), field.slice(1)]));
}

/** What a client is told that the proxy refuses: one ErrorResponse, then the close. The client closes, too. */
export async function refusalOf(peer: Peer): Promise<Record<string, string>> {
  const error = onlyError(await peer.receiveAll());
  assert.equal(peer.error, undefined);
  peer.end();
  return error;
}
