import type { Waits } from './waits.ts';

/** Less fits into the buffers of the sockets on the way, and is over in some milliseconds. */
const TINY_BYTES = 16 * 1024 * 1024;

/** One COPY, as its client saw it. */
export interface Copied {
  readonly bytes: number;
  readonly seconds: number;
  /** CPU time of the client, and of the proxy between; null without one. */
  readonly clientCpuSeconds: number;
  readonly proxyCpuSeconds: number | null;
}

export interface Round {
  readonly direct: Copied;
  readonly through: Copied;
}

/** The middle of some figures and how far they lie apart. */
export interface Middle {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

/** What `pgnetflow bench copy --json` prints; names are stable, additions are allowed. */
export interface BenchCopyRecord {
  readonly schema: 'pgnetflow.bench-copy/1';
  readonly version: string;
  readonly node: string;
  readonly server_version: string | null;
  readonly statement: string;
  readonly rounds: number;
  /** Of each COPY: of the rows themselves. */
  readonly bytes: number;
  /** As the server has counted them; null when it did not say. */
  readonly rows: number | null;
  /** Too few bytes to measure with: the figures mean nothing. */
  readonly tiny: boolean;
  /** Bytes of rows per second. */
  readonly direct_bytes_per_s: Middle;
  readonly through_bytes_per_s: Middle;
  /** Through pgnetflow to direct, of the same round: 1 is as fast. */
  readonly ratio: Middle;
  readonly proxy_cpu_s_per_gb: Middle;
  /** CPUs that the client used when nothing was between: near 1 it is the limit. */
  readonly client_cpus: Middle;
  /** Of the round through pgnetflow whose duration is the median. */
  readonly waits: Waits;
  readonly balanced: boolean;
  readonly samples: readonly Round[];
}

/** What must be known besides the rounds. */
export type Circumstances = Pick<
  BenchCopyRecord,
  'version' | 'node' | 'server_version' | 'statement' | 'rows' | 'balanced'
>;

/** @param waits of the rounds through pgnetflow; at least one of each */
export function summarizeCopies(
  circumstances: Circumstances,
  samples: readonly Round[],
  waits: readonly Waits[],
): BenchCopyRecord {
  const [first] = samples;
  const byDuration = waits.toSorted((one, other) => one.duration_us - other.duration_us);
  const typical = byDuration[byDuration.length >> 1];
  if (first === undefined || typical === undefined) throw new Error('nothing was measured');
  const over = (figure: (round: Round) => number): Middle => middle(samples.map(figure));
  return {
    schema: 'pgnetflow.bench-copy/1',
    ...circumstances,
    rounds: samples.length,
    bytes: first.through.bytes,
    tiny: first.through.bytes < TINY_BYTES,
    direct_bytes_per_s: over(({ direct }) => speed(direct)),
    through_bytes_per_s: over(({ through }) => speed(through)),
    ratio: over(({ direct, through }) => speed(through) / speed(direct)),
    proxy_cpu_s_per_gb: over(({ through }) => ((through.proxyCpuSeconds ?? 0) / through.bytes) * 1e9),
    client_cpus: over(({ direct }) => direct.clientCpuSeconds / direct.seconds),
    waits: typical,
    samples,
  };
}

function speed({ bytes, seconds }: Copied): number {
  return bytes / seconds;
}

function middle(figures: readonly number[]): Middle {
  const sorted = figures.toSorted((one, other) => one - other);
  const half = sorted.length >> 1;
  const upper = sorted[half]!;
  return {
    median: sorted.length % 2 === 1 ? upper : (sorted[half - 1]! + upper) / 2,
    lowest: sorted[0]!,
    highest: sorted.at(-1)!,
  };
}
