import { connect } from './connect.ts';
import { copy } from './copy.ts';
import { pgbench, reconnect } from './pgbench.ts';
import { atFixedRate } from './rate.ts';
import { overTls, type Workload } from './workload.ts';

const IN_THE_CLEAR: readonly Workload[] = [...copy, ...pgbench, atFixedRate, connect, reconnect];

/** Those that are measured over TLS as well. */
const OVER_TLS: ReadonlySet<string> = new Set(['copy-out-1k', 'copy-in-1k', 'select-16-prepared', 'connect']);

/** What can be measured, in the order of the report; another one is another entry. */
export const WORKLOADS: readonly Workload[] = [
  ...IN_THE_CLEAR,
  ...IN_THE_CLEAR.filter(({ name }) => OVER_TLS.has(name)).map((workload) => overTls(workload, 1 / 2)),
];
