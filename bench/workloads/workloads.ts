import { connect } from './connect.ts';
import { copy } from './copy.ts';
import { pgbench } from './pgbench.ts';
import type { Workload } from './workload.ts';

/** What can be measured, in the order of the report; another one is another entry. */
export const WORKLOADS: readonly Workload[] = [...copy, ...pgbench, connect];
