import type { TcpRecord } from '../../report/model.ts';

export type Method = 'stap' | 'bpftrace' | 'ss';

/** How bpftrace learns of each send and receive. */
export type Events = 'tracepoints' | 'fentry' | 'kprobes';

/** What the kernel keeps of a connection (`tcp_info`); what a tool does not know is left out. */
export type TcpFields = Readonly<Partial<Record<keyof TcpRecord, number>>>;

/** Which sockets count; those that are null do not matter. */
export interface Filter {
  readonly proxyPort: number | null;
  readonly serverPort: number | null;
  readonly pid: number | null;
}

interface Socket {
  readonly sock: string;
  readonly clock_us: number;
  readonly sent?: number;
  readonly received?: number;
}

export interface OpenRecord extends Socket {
  readonly type: 'open';
  readonly pid?: number;
  readonly comm?: string;
  readonly local: string;
  readonly remote: string;
}

export interface RunRecord {
  readonly type: 'run';
  readonly sock: string;
  readonly dir: 'send' | 'recv';
  readonly from: number;
  readonly bytes: number;
  readonly ops: number;
  readonly first_us: number;
  readonly last_us: number;
}

export interface TotalsRecord extends Socket {
  readonly type: 'totals' | 'close';
  readonly tcp?: TcpFields;
}

export interface LostRecord {
  readonly type: 'lost';
  readonly count: number;
  readonly clock_us: number;
}

/** What a method tells of sockets, as probes/README.md describes it. */
export type SocketRecord = OpenRecord | RunRecord | TotalsRecord | LostRecord;

/** Microseconds of CLOCK_MONOTONIC, the clock of bpftrace's `nsecs` too. */
export function clockUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}
