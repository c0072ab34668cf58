import type { Children } from '../children.ts';
import type { Endpoint, Measurement, Metric } from '../model.ts';

/** A kind of load that can be put on any target. */
export interface Workload {
  readonly name: string;
  readonly about: string;
  readonly metric: Metric;
  /** Over TLS: for the targets that speak it. */
  readonly tls?: boolean;
  /** Program that makes the load; none: this process does. */
  readonly program?: string;
  /** How much is done in one run at size 1, in the metric's unit of work. */
  readonly work: number;
  /** @param work how much to do */
  measure(at: Endpoint, work: number, children: Children): Promise<Measurement>;
}

/** The same load over TLS. */
export function overTls(workload: Workload, share = 1): Workload {
  const { name, about, work } = workload;
  return { ...workload, name: `tls-${name}`, about: `${about}, over TLS`, work: work * share, tls: true };
}

/** Every session of the benchmark is this user's, in this database. */
export const LOGIN = { user: 'postgres', database: 'postgres' } as const;

/** No single run takes longer. */
export const RUN_TIMEOUT_MS = 120_000;
