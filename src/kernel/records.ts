import type { TcpRecord } from '../report/model.ts';

/** One record of a kernel helper, format `pgnetflow.probe/1`; probes/README.md is its description. */
export const PROBE_SCHEMA = 'pgnetflow.probe/1';

/** It has connected, and takes its time to attach: only on the probe socket. */
export interface StartingRecord {
  readonly type: 'starting';
}

export interface AttachRecord {
  readonly type: 'attach';
  readonly method: string | null;
  /** Where the method has several kinds of them. */
  readonly events: string | null;
  readonly tool: string | null;
  readonly kernel: string | null;
  /** Milliseconds since 1970 at `clockUs`. */
  readonly at: number;
  readonly clockUs: number;
}

export interface OpenRecord {
  readonly type: 'open';
  readonly sock: string;
  readonly pid: number | null;
  readonly comm: string | null;
  readonly local: string;
  readonly remote: string;
  readonly clockUs: number;
  /** Stream offsets from which on it is watched; null when not known. */
  readonly sent: number | null;
  readonly received: number | null;
}

export interface RunRecord {
  readonly type: 'run';
  readonly sock: string;
  readonly dir: 'send' | 'recv';
  readonly from: number;
  readonly bytes: number;
  readonly ops: number;
  readonly lastUs: number | null;
  readonly us: number | null;
}

export interface TotalsRecord {
  readonly type: 'totals' | 'close';
  readonly sock: string;
  readonly clockUs: number;
  readonly sent: number | null;
  readonly received: number | null;
  readonly tcp: TcpRecord | null;
}

export interface LostRecord {
  readonly type: 'lost';
  readonly count: number;
}

export interface FlushedRecord {
  readonly type: 'flushed';
  readonly token: number | null;
}

export interface DetachRecord {
  readonly type: 'detach';
  readonly clockUs: number;
  readonly lost: number;
  readonly reason: string | null;
}

export type ProbeRecord =
  | StartingRecord
  | AttachRecord
  | OpenRecord
  | RunRecord
  | TotalsRecord
  | LostRecord
  | FlushedRecord
  | DetachRecord;

/** A line that is no record. The message says what is wrong with it. */
export class DamagedLine extends Error {
  readonly code = 'PGNETFLOW_DAMAGED_LINE';

  constructor(problem: string) {
    super(problem);
    this.name = 'DamagedLine';
  }
}

/** The record is of a format that this version does not read. */
export class UnknownSchema extends Error {
  readonly code = 'PGNETFLOW_UNKNOWN_SCHEMA';

  constructor(schema: string) {
    super(`its schema is "${schema}"; this version of pgnetflow reads ${PROBE_SCHEMA}`);
    this.name = 'UnknownSchema';
  }
}

/**
 * Reads one line.
 *
 * @returns null for a type of record that is not known, which readers ignore
 * @throws {DamagedLine} when it is no record
 * @throws {UnknownSchema} when it begins a recording of another format
 */
export function parseRecord(line: string): ProbeRecord | null {
  const fields = new Fields(line);
  const type = fields.text('type');
  switch (type) {
    case 'starting':
      return { type };
    case 'attach':
      return attachRecord(fields);
    case 'open':
      return {
        type,
        sock: fields.text('sock'),
        pid: fields.integerOrNull('pid'),
        comm: fields.textOrNull('comm'),
        local: fields.text('local'),
        remote: fields.text('remote'),
        clockUs: fields.integer('clock_us'),
        sent: fields.integerOrNull('sent'),
        received: fields.integerOrNull('received'),
      };
    case 'run':
      return runRecord(fields);
    case 'totals':
    case 'close':
      return {
        type,
        sock: fields.text('sock'),
        clockUs: fields.integer('clock_us'),
        sent: fields.integerOrNull('sent'),
        received: fields.integerOrNull('received'),
        tcp: tcpRecord(fields.objectOrNull('tcp')),
      };
    case 'lost':
      return { type, count: fields.integer('count') };
    case 'flushed':
      return { type, token: fields.integerOrNull('token') };
    case 'detach':
      return {
        type,
        clockUs: fields.integer('clock_us'),
        lost: fields.integerOrNull('lost') ?? 0,
        reason: fields.textOrNull('reason'),
      };
    default:
      return null;
  }
}

function attachRecord(fields: Fields): AttachRecord {
  const schema = fields.text('schema');
  if (schema !== PROBE_SCHEMA) throw new UnknownSchema(schema);
  const at = Date.parse(fields.text('at'));
  if (Number.isNaN(at)) throw new DamagedLine('"at" is no ISO 8601 timestamp');
  return {
    type: 'attach',
    method: fields.textOrNull('method'),
    events: fields.textOrNull('events'),
    tool: fields.textOrNull('tool'),
    kernel: fields.textOrNull('kernel'),
    at,
    clockUs: fields.integer('clock_us'),
  };
}

function runRecord(fields: Fields): RunRecord {
  const dir = fields.text('dir');
  if (dir !== 'send' && dir !== 'recv') throw new DamagedLine('"dir" is neither "send" nor "recv"');
  const run: RunRecord = {
    type: 'run',
    sock: fields.text('sock'),
    dir,
    from: fields.integer('from'),
    bytes: fields.integer('bytes'),
    ops: fields.integer('ops'),
    lastUs: fields.integerOrNull('last_us'),
    us: fields.integerOrNull('us'),
  };
  if (run.ops === 0 || run.bytes < run.ops)
    throw new DamagedLine('each operation of a run moves at least a byte');
  return run;
}

function tcpRecord(fields: Fields | null): TcpRecord | null {
  if (fields === null) return null;
  return {
    bytes_sent: fields.integerOrNull('bytes_sent'),
    bytes_acked: fields.integerOrNull('bytes_acked'),
    bytes_received: fields.integerOrNull('bytes_received'),
    bytes_retrans: fields.integerOrNull('bytes_retrans'),
    segs_out: fields.integerOrNull('segs_out'),
    segs_in: fields.integerOrNull('segs_in'),
    data_segs_out: fields.integerOrNull('data_segs_out'),
    data_segs_in: fields.integerOrNull('data_segs_in'),
    retransmits: fields.integerOrNull('retransmits'),
    rtt_us: fields.integerOrNull('rtt_us'),
    busy_us: fields.integerOrNull('busy_us'),
    rwnd_limited_us: fields.integerOrNull('rwnd_limited_us'),
    sndbuf_limited_us: fields.integerOrNull('sndbuf_limited_us'),
  };
}

/** The fields of a JSON object, each checked as it is asked for. */
class Fields {
  readonly #values: ReadonlyMap<string, unknown>;

  constructor(line: string | object) {
    const value: unknown = typeof line === 'string' ? parseJson(line) : line;
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new DamagedLine('it is no JSON object');
    this.#values = new Map(Object.entries(value));
  }

  text(name: string): string {
    const value = this.#values.get(name);
    if (typeof value !== 'string') throw new DamagedLine(`"${name}" is no text`);
    return value;
  }

  textOrNull(name: string): string | null {
    return this.#absent(name) ? null : this.text(name);
  }

  integer(name: string): number {
    const value = this.#values.get(name);
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
      throw new DamagedLine(`"${name}" is no whole number from 0 on`);
    return value;
  }

  integerOrNull(name: string): number | null {
    return this.#absent(name) ? null : this.integer(name);
  }

  objectOrNull(name: string): Fields | null {
    const value = this.#values.get(name);
    if (value === undefined || value === null) return null;
    if (typeof value !== 'object') throw new DamagedLine(`"${name}" is no object`);
    return new Fields(value);
  }

  #absent(name: string): boolean {
    const value = this.#values.get(name);
    return value === undefined || value === null;
  }
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new DamagedLine('it is no JSON');
  }
}
