import type { Children } from '../children.ts';
import { endedChildrenCpuSeconds } from '../cpu.ts';
import { type Endpoint, type Measurement, METRICS } from '../model.ts';
import { findProgram } from '../programs.ts';
import { LOGIN, RUN_TIMEOUT_MS, type Workload } from './workload.ts';

const MODES = ['simple', 'extended', 'prepared'] as const;
const CLIENTS = [
  { clients: 1, transactions: 12_000 },
  { clients: 16, transactions: 48_000 },
] as const;

/** `pgbench -S`: one small select per transaction. A fixed number of them, so that every target does the same work. */
export const pgbench: readonly Workload[] = CLIENTS.flatMap(({ clients, transactions }) =>
  MODES.map((mode) => ({
    name: `select-${clients}-${mode}`,
    about: `pgbench -S, ${clients} ${clients === 1 ? 'client' : 'clients'}, ${mode} protocol`,
    metric: METRICS.transactions,
    program: 'pgbench',
    work: transactions,
    measure: (at, work, children) => runPgbench(at, work, clients, ['-M', mode], children),
  })),
);

/** How many connections per second 16 clients get that open one for each transaction. */
export const reconnect: Workload = {
  name: 'reconnect-16',
  about: 'pgbench -S -C, 16 clients, a new connection for each transaction',
  metric: METRICS.connections,
  program: 'pgbench',
  work: 1600,
  measure: (at, work, children) => runPgbench(at, work, 16, ['-C'], children),
};

/** Does `work` transactions, the same number by each client. */
export async function runPgbench(
  at: Endpoint,
  work: number,
  clients: number,
  flags: readonly string[],
  children: Children,
): Promise<Measurement> {
  const each = Math.ceil(work / clients);
  const load = ['-S', '-n', '-c', `${clients}`, '-t', `${each}`, ...flags];
  const cpuBefore = endedChildrenCpuSeconds();
  const printed = await children.run(
    findProgram('pgbench')!,
    [...load, '-h', at.host, '-p', `${at.port}`, '-U', LOGIN.user, LOGIN.database],
    RUN_TIMEOUT_MS,
    { PGSSLMODE: at.tls === true ? 'require' : 'disable', PGGSSENCMODE: 'disable' },
  );
  const done = Number(/actually processed: (\d+)/.exec(printed)?.[1]);
  // From version 14 on it leaves out the time to connect, but with -C; before that it prints both.
  const connecting = flags.includes('-C') ? 'including' : 'without|excluding';
  const tps = Number(new RegExp(`tps = ([\\d.]+) \\((?:${connecting})`).exec(printed)?.[1]);
  if (done !== each * clients || !(tps > 0)) throw new Error(`pgbench lost transactions: ${printed}`);
  return {
    value: tps,
    work: done,
    seconds: done / tps,
    clientCpuSeconds: endedChildrenCpuSeconds() - cpuBefore,
  };
}

/** Creates pgbench's tables, with 100,000 rows per unit of scale. */
export function pgbenchTables(scale: number): readonly string[] {
  return [
    'create table pgbench_accounts (aid int not null, bid int, abalance int, filler char(84)) with (fillfactor = 100)',
    `insert into pgbench_accounts select n, 1, 0, '' from generate_series(1, ${scale * 100_000}) n`,
    'alter table pgbench_accounts add primary key (aid)',
    'create table pgbench_branches (bid int not null primary key, bbalance int, filler char(88))',
    `insert into pgbench_branches select n, 0, '' from generate_series(1, ${scale}) n`,
    'create table pgbench_tellers (tid int not null primary key, bid int, tbalance int, filler char(84))',
    'vacuum (freeze, analyze) pgbench_accounts',
  ];
}
