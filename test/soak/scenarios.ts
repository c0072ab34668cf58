import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import type { SessionRecord } from '../../src/report/model.ts';
import { CountingClient } from '../support/counting_client.ts';
import { client as c, message } from '../support/messages.ts';
import type { MeasuredProxy } from './measured_proxy.ts';

const MB = 1024 * 1024;
const GB = 1024 * MB;

/** Memory that a session may take at most beyond what the proxy had before it, whatever passes. */
const MAX_GROWTH = 48 * MB;

/** Resident memory of the proxy in bytes. */
export type Memory =
  /** `early`: when a tenth was done. */
  | {
      readonly kind: 'flat';
      readonly before: number;
      readonly early: number;
      readonly after: number;
      readonly peak: number;
    }
  | { readonly kind: 'sessions'; readonly sessions: number; readonly bytesEach: number };

export interface Outcome {
  readonly memory: Memory;
  /** Figures worth telling. */
  readonly text: string;
}

/** One thing to be tried on a proxy of its own. */
export type Scenario = (proxy: MeasuredProxy) => Promise<Outcome>;

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  copy_out: copyingOut(5 * GB),
  copy_in: copyingIn(5 * GB),
  statements: sending(1_000_000),
  field_out: (proxy) => flat(proxy, async (client) => client.query(1, `select repeat('x', ${512 * MB})`)),
  field_in: (proxy) => flat(proxy, async (client) => fieldIn(client, 512 * MB)),
  stopped_reader: stoppedReader,
  idle_sessions: holding(1000),
};

/** Copies so many bytes to the client. */
export function copyingOut(bytes: number): Scenario {
  return (proxy) => flat(proxy, (client, tenthDone) => copyOut(client, bytes, tenthDone));
}

/** Copies so many bytes to the server. */
export function copyingIn(bytes: number): Scenario {
  return (proxy) => flat(proxy, (client, tenthDone) => copyIn(client, bytes, tenthDone));
}

/** Sends so many statements, a multiple of 100. */
export function sending(count: number): Scenario {
  return (proxy) =>
    flat(
      proxy,
      (client, tenthDone) => manyStatements(client, count, tenthDone),
      (_client, session) => {
        assert.equal(session.statement_count, count);
        assert.deepEqual(session.imbalances, []);
      },
    );
}

/** Holds so many sessions that do nothing, after one small statement each. */
export function holding(count: number): Scenario {
  return (proxy) => idleSessions(proxy, count);
}

/** Tells that a tenth is done. */
type TenthDone = () => Promise<void>;

/** Runs one statement, compares its figures with those of its client, and proves that memory stays flat. */
async function flat(
  proxy: MeasuredProxy,
  statement: (client: CountingClient, tenthDone: TenthDone) => Promise<unknown>,
  prove = (client: CountingClient, session: SessionRecord): void => client.assertBooked(session),
): Promise<Outcome> {
  const client = await CountingClient.connect(proxy);
  const before = await proxy.memory();
  const from = performance.now();
  let early = before;
  await statement(client, async () => {
    early = await proxy.memory();
  });
  const seconds = (performance.now() - from) / 1000;
  const after = await proxy.memory();
  const session = await proxy.session();
  prove(client, session);
  await client.end();
  const { R, S } = session;
  const bytes = R.bytes + S.bytes;
  assert.ok(
    after.peakRss - before.rss < MAX_GROWTH,
    `memory grew from ${megabytes(before.rss)} to ${megabytes(after.peakRss)}`,
  );
  const text = [
    `${megabytes(bytes)} in ${seconds.toFixed(1)} s (${megabytes(bytes / seconds)}/s)`,
    `RSS before ${megabytes(before.rss)}, peak ${megabytes(after.peakRss)}, after ${megabytes(after.rss)}`,
    `messages R ${R.messages} S ${S.messages}`,
  ].join('; ');
  return { memory: flatMemory(before, early, after), text };
}

/** Reads copy data of so many bytes in rows of 8 kB. */
async function copyOut(client: CountingClient, bytes: number, tenthDone: TenthDone): Promise<void> {
  const rows = Math.ceil(bytes / 8192);
  client.send(1, c.query(`copy (select repeat('x', 8191) from generate_series(1, ${rows})) to stdout`));
  for (let row = 0; row < rows / 10; row += 1) await client.next(1);
  await tenthDone();
  while ((await client.next(1)).type !== 'Z');
}

/** Sends copy data of so many bytes in messages of 64 kB; the server reads the rows and keeps none. */
async function copyIn(client: CountingClient, bytes: number, tenthDone: TenthDone): Promise<void> {
  await client.query(1, 'create temp table t (text text)');
  client.send(2, c.query('copy t from stdin where false'));
  await client.receive(2, 'G');
  const row = `${'x'.repeat(8191)}\n`;
  const data = c.copyData(row.repeat(8));
  let isEarly = true;
  for (let sent = 0; sent < bytes; sent += 8 * row.length) {
    client.send(2, data);
    await client.drained();
    if (isEarly && sent >= bytes / 10) {
      isEarly = false;
      await tenthDone();
    }
  }
  client.send(2, c.copyDone());
  const types = (await client.receive(2, 'Z')).map(({ type }) => type).join('');
  assert.equal(types, 'CZ');
}

/** Sends so many small statements, each with a text of its own, a hundred at a time. */
async function manyStatements(client: CountingClient, count: number, tenthDone: TenthDone): Promise<void> {
  const batch = 100;
  for (let done = 0; done < count; done += batch) {
    const queries = Array.from({ length: batch }, (_, at) => c.query(`select ${done + at}`));
    client.send(1, ...queries);
    for (let ready = 0; ready < batch; ready += 1) await client.receive(1, 'Z');
    if (done === Math.floor(count / 10 / batch) * batch) await tenthDone();
  }
}

/** Sends one parameter of so many bytes. */
async function fieldIn(client: CountingClient, bytes: number): Promise<void> {
  client.send(1, c.parse('', 'select length($1::text)'));
  const length = Buffer.alloc(4);
  length.writeInt32BE(bytes);
  const start = message('B', [0, 0], [0, 0], [0, 1], length);
  // The header's length counts the parameter and the result formats, too.
  start.writeInt32BE(start.length - 1 + bytes + 2, 1);
  client.sendBytes(1, start, 1);
  const part = Buffer.alloc(MB, 'y');
  for (let sent = 0; sent < bytes; sent += part.length) {
    client.sendBytes(1, part, 0);
    await client.drained();
  }
  client.sendBytes(1, Buffer.from([0, 0]), 0);
  client.send(1, c.execute(), c.sync());
  const row = (await client.receive(1, 'Z')).find(({ type }) => type === 'D');
  assert.equal(row?.body.toString('latin1', 6), String(bytes));
}

/** A reader stops for ten seconds in the middle of 1 GB. */
async function stoppedReader(proxy: MeasuredProxy): Promise<Outcome> {
  const client = await CountingClient.connect(proxy);
  const before = await proxy.memory();
  const rows = GB / 8192;
  client.send(1, c.query(`copy (select repeat('x', 8191) from generate_series(1, ${rows})) to stdout`));
  for (let row = 0; row < 9973; row += 1) await client.next(1);
  client.socket.pause();
  const relayed = async (): Promise<number> => (await proxy.session()).wire.server.bytes_in;
  await setTimeout(1000);
  const early = await relayed();
  await setTimeout(9000);
  const late = await relayed();
  assert.equal(late, early, 'the sender has stopped, too');
  client.socket.resume();
  while ((await client.next(1)).type !== 'Z');
  const after = await proxy.memory();
  const session = await proxy.session();
  client.assertBooked(session);
  await client.end();
  const { time, S } = session.statements[0]!;
  assert.equal(S.messages, rows + 4, 'nothing is lost');
  const stall = time.client_stall_us / 1e6;
  assert.ok(stall >= 9.5 && stall <= 11, `client_stall ${stall} s`);
  assert.ok(after.peakRss - before.rss < MAX_GROWTH, megabytes(after.peakRss));
  const text = [
    `client_stall ${stall.toFixed(3)} s of ${(time.duration_us! / 1e6).toFixed(3)} s`,
    `server_stall ${(time.server_stall_us / 1e6).toFixed(3)} s`,
    `stopped at ${megabytes(late)} of ${megabytes(S.bytes)}`,
    `RSS before ${megabytes(before.rss)}, peak ${megabytes(after.peakRss)}`,
  ].join('; ');
  return { memory: flatMemory(before, before, after), text };
}

async function idleSessions(proxy: MeasuredProxy, count: number): Promise<Outcome> {
  // What one session needs once and for all is no session's.
  await (await CountingClient.connect(proxy)).end();
  const before = await proxy.memory();
  const clients: CountingClient[] = [];
  while (clients.length < count) {
    const some = Array.from({ length: Math.min(20, count - clients.length) }, () =>
      CountingClient.connect(proxy),
    );
    clients.push(...(await Promise.all(some)));
  }
  const fresh = await proxy.memory();
  for (const client of clients) await client.query(1, 'select 1');
  const used = await proxy.memory();
  const report = await proxy.report();
  assert.equal(report.sessions.filter((session) => session.ended_at === null).length, count);
  for (const client of clients) await client.end();
  const after = await proxy.memory();
  const each = (memory: { readonly rss: number }): string =>
    `${((memory.rss - before.rss) / count / 1024).toFixed(1)} kB`;
  const text = [
    `${each(fresh)} per idle session, ${each(used)} after a statement each`,
    `RSS before ${megabytes(before.rss)}, with ${count} sessions ${megabytes(used.rss)}, after them ${megabytes(after.rss)}`,
  ].join('; ');
  return { memory: { kind: 'sessions', sessions: count, bytesEach: (used.rss - before.rss) / count }, text };
}

function flatMemory(
  before: { readonly rss: number },
  early: { readonly rss: number },
  after: { readonly rss: number; readonly peakRss: number },
): Memory {
  return { kind: 'flat', before: before.rss, early: early.rss, after: after.rss, peak: after.peakRss };
}

function megabytes(bytes: number): string {
  return `${(bytes / MB).toFixed(1)} MB`;
}
