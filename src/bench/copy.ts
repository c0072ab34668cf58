import { once } from 'node:events';
import { DemoClient } from '../demo/client.ts';
import { packageVersion } from '../package_version.ts';
import type { SessionRecord } from '../report/model.ts';
import type { BenchCopySettings } from '../settings/bench_copy_settings.ts';
import { BenchError } from './bench_error.ts';
import { type Copied, type Round, summarizeCopies } from './figures.ts';
import { ProxyChild } from './proxy_child.ts';
import { userServer } from './server.ts';
import { renderBenchCopy } from './text.ts';
import { PING, splitWaits } from './waits.ts';

const APPLICATION_NAME = 'pgnetflow bench';
/** The fastest of so many is a round trip. */
const PINGS = 5;
/** What a row of ours takes with its newline. */
const ROW_BYTES = 1024;

/** The COPY that is measured: never more than so many rows. */
export function copyStatement(query: string | null, rows: number): string {
  const select =
    query === null
      ? `select repeat('x', ${ROW_BYTES - 1}) from generate_series(1, ${rows})`
      : // A line break, for the query may end with a comment.
        `select * from (${query}\n) as query limit ${rows}`;
  return `copy (${select}) to stdout`;
}

/**
 * `pgnetflow bench copy`: copies from the user's server straight and through a proxy of its own, in turns, and prints
 * what that costs and who waited for whom. It copies in read-only transactions, and rolls them back.
 *
 * @throws {BenchError} when the server cannot be reached, refuses, ends a session or has nothing to copy
 */
export async function benchCopy(settings: BenchCopySettings): Promise<void> {
  const { connect, query, rows, rounds, json } = settings;
  const server = userServer(connect);
  const statement = copyStatement(query, rows);
  const lost = new AbortController();
  const onLost = (error: Error): void => lost.abort(error);
  const straight = await reach('straight', DemoClient.connect(server.direct, APPLICATION_NAME, onLost));
  let proxy: ProxyChild | null = null;
  let through: DemoClient | null = null;
  try {
    proxy = await ProxyChild.start(server);
    // The password may come from ~/.pgpass, which knows the server by its own name only.
    const { password } = straight;
    const address = {
      ...server.direct,
      ...(password !== null && { password }),
      host: '127.0.0.1',
      port: proxy.port,
      ssl: false,
    };
    through = await reach('through pgnetflow', DemoClient.connect(address, APPLICATION_NAME, onLost));
    for (let ping = 0; ping < PINGS; ping += 1) await ask(through, PING, lost.signal);

    const samples: Round[] = [];
    // The first of each is not counted: caches are filled, code is compiled.
    for (let round = 0; round <= rounds; round += 1) {
      const measured = await measureRound(straight, through, proxy, statement, round, lost.signal);
      if (round > 0) samples.push(measured);
    }
    const session = onlySession((await proxy.report()).sessions);
    const record = summarizeCopies(
      {
        version: packageVersion(),
        node: process.versions.node,
        server_version: session.server_version,
        statement,
        rows: session.statements.findLast(({ kind }) => kind === 'copy_out')?.rows ?? null,
        balanced: session.balanced,
      },
      samples,
      splitWaits(session).slice(-rounds),
    );
    process.stdout.write(json ? `${JSON.stringify(record, null, 2)}\n` : renderBenchCopy(record));
  } finally {
    await Promise.allSettled([straight.close(), through?.close()]);
    proxy?.stop();
  }
}

/** To and fro: whatever else the machine and the network do meets both ways alike. */
async function measureRound(
  straight: DemoClient,
  through: DemoClient,
  proxy: ProxyChild,
  statement: string,
  round: number,
  lost: AbortSignal,
): Promise<Round> {
  const copyStraight = (): Promise<Copied> =>
    inReadOnly(straight, lost, () => copyOnce(straight, statement, lost));
  const copyThrough = (): Promise<Copied> =>
    inReadOnly(through, lost, async () => {
      const before = await proxy.cpuSeconds();
      const copied = await copyOnce(through, statement, lost);
      return { ...copied, proxyCpuSeconds: (await proxy.cpuSeconds()) - before };
    });
  if (round % 2 === 0) {
    const direct = await copyStraight();
    return { direct, through: await copyThrough() };
  }
  const passed = await copyThrough();
  return { direct: await copyStraight(), through: passed };
}

/**
 * A transaction for each COPY: poolers refuse start-up options, and a session that waits for its turn is not to be idle
 * in a transaction. Rolled back, for servers before 16 let large objects be written in a read-only one.
 */
async function inReadOnly<Result>(
  client: DemoClient,
  lost: AbortSignal,
  work: () => Promise<Result>,
): Promise<Result> {
  await ask(client, 'begin read only', lost);
  const result = await work();
  await ask(client, 'rollback', lost);
  return result;
}

/** @throws {BenchError} for what the server says, or a connection that breaks */
async function ask(client: DemoClient, sql: string, lost: AbortSignal): Promise<void> {
  try {
    await client.query(sql);
  } catch (error) {
    throw failed(sql, error, lost);
  }
}

/** @throws {BenchError} for what the server says, a connection that breaks, or no rows */
async function copyOnce(client: DemoClient, statement: string, lost: AbortSignal): Promise<Copied> {
  const { user, system } = process.cpuUsage();
  const startedAt = performance.now();
  let bytes = 0;
  try {
    const stream = client.copyOut(statement);
    // `once` listens until the other session is lost; closing this one then makes the stream emit an error of its own.
    stream.on('error', () => undefined);
    stream.on('data', (row: Buffer) => {
      bytes += row.length;
    });
    await once(stream, 'end', { signal: lost });
  } catch (error) {
    throw failed('the COPY', error, lost);
  }
  if (bytes === 0)
    throw new BenchError(
      'there is nothing to copy: the query has no rows (--query SELECT, or none for rows made up)',
    );
  const seconds = (performance.now() - startedAt) / 1000;
  const used = process.cpuUsage({ user, system });
  const clientCpuSeconds = (used.user + used.system) / 1e6;
  return { bytes, seconds, clientCpuSeconds, proxyCpuSeconds: null };
}

/** Says why the session was lost, when it was: what breaks after that says less. */
function failed(what: string, error: unknown, lost: AbortSignal): BenchError {
  const cause: unknown = lost.aborted ? lost.reason : error;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new BenchError(`${what} failed: ${message}`, { cause });
}

async function reach(way: string, connecting: Promise<DemoClient>): Promise<DemoClient> {
  try {
    return await connecting;
  } catch (cause) {
    const message = cause instanceof Error ? cause.message || String(cause) : String(cause);
    throw new BenchError(
      `cannot connect to the server ${way}: ${message} (--connect URL, or PGHOST, PGPORT, PGUSER, …)`,
      { cause },
    );
  }
}

function onlySession(sessions: readonly SessionRecord[]): SessionRecord {
  const [session] = sessions;
  if (session === undefined || sessions.length > 1)
    throw new BenchError(
      `${sessions.length} sessions went through the proxy, not one: somebody else used it`,
    );
  return session;
}
