import type { Quantiles } from '../src/account/distribution.ts';

/** Where a target listens. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** The client is to speak TLS there; otherwise it must not. */
  readonly tls?: boolean;
}

/** What one run of a workload told. */
export interface Measurement {
  /** In the unit of the workload's metric. */
  readonly value: number;
  /** How much was done, in the metric's unit of work: bytes / 1e9, transactions or connections. */
  readonly work: number;
  readonly seconds: number;
  /** CPU time of the client that made the load: near `seconds`, it was the client that was measured. */
  readonly clientCpuSeconds: number;
  /** How long each of many things took, in µs, within 1 %; for workloads that tell. */
  readonly latencyUs?: Quantiles;
}

/** One run of one workload through one target. */
export interface Sample extends Measurement {
  readonly workload: string;
  readonly target: string;
  readonly round: number;
  /** CPU time of the target's processes; null for a target without processes of its own, or where it cannot be read. */
  readonly targetCpuSeconds: number | null;
  /** CPU time of PostgreSQL; null where it cannot be read. */
  readonly serverCpuSeconds: number | null;
}

/** Something that was not measured, and why. */
export interface Skipped {
  readonly what: string;
  readonly reason: string;
  /** It could have been measured here, but went wrong. */
  readonly failed: boolean;
}

/** What a workload measures. */
export interface Metric {
  readonly unit: 'MB/s' | 'tps' | 'ms';
  readonly better: 'more' | 'less';
  readonly cpuUnit: string;
  /** CPU seconds per unit of work × this is in `cpuUnit`. */
  readonly cpuScale: number;
}

export const METRICS = {
  throughput: { unit: 'MB/s', better: 'more', cpuUnit: 's/GB', cpuScale: 1 },
  transactions: { unit: 'tps', better: 'more', cpuUnit: 'µs/transaction', cpuScale: 1e6 },
  connections: { unit: 'tps', better: 'more', cpuUnit: 'µs/connection', cpuScale: 1e6 },
  latency: { unit: 'ms', better: 'less', cpuUnit: 'µs/connection', cpuScale: 1e6 },
  response: { unit: 'ms', better: 'less', cpuUnit: 'µs/transaction', cpuScale: 1e6 },
} as const satisfies Record<string, Metric>;
