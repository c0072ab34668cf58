import type { TcpFields } from './record.ts';
import type { Counters } from './stream_offsets.ts';

/** Names one socket for its life: the kernel's address of it, and when it was first seen. */
export interface Life {
  readonly sock: string;
  readonly openedUs: number;
}

export interface Run {
  /** From 1, in the order of the socket's runs and pieces. */
  readonly seq: number;
  readonly dir: 'send' | 'recv';
  /** Offset in its direction, counted from the open. */
  readonly from: number;
  readonly bytes: number;
  readonly ops: number;
  readonly firstUs: number;
  readonly lastUs: number;
}

/** Runs of one socket that follow each other. */
export interface Batch extends Life {
  readonly type: 'runs';
  readonly runs: readonly Run[];
}

/** What one line of `bpftrace -f json netflow.bt` says. */
export type BpftraceEvent =
  | { readonly type: 'begin' }
  | (Life & {
      readonly type: 'open';
      readonly dir: 'send' | 'recv';
      readonly bytes: number;
      readonly counters: Counters;
      readonly pid: number;
      readonly comm: string;
    })
  | (Life & {
      readonly type: 'addresses';
      readonly localPort: number;
      readonly remotePort: number;
      readonly local: string;
      readonly remote: string;
    })
  | Batch
  | { readonly type: 'batches'; readonly batches: Iterable<Batch> }
  | (Life & {
      readonly type: 'close';
      readonly clockUs: number;
      readonly seq: number;
      readonly tcp: TcpFields;
    })
  | { readonly type: 'lost'; readonly count: number }
  | { readonly type: 'map'; readonly name: string; readonly entries: ReadonlyMap<string, readonly number[]> };

/** What is told of one socket. */
export type SocketEvent = Extract<BpftraceEvent, Life>;

/** @returns null for a line that says nothing of sockets */
export function parseBpftraceLine(line: string): BpftraceEvent | null {
  const message = parseMessage(line);
  if (message === null) return null;
  const { type, data } = message;
  if (type === 'printf' && typeof data === 'string') return parseText(data.trimEnd());
  if (typeof data !== 'object' || data === null) return null;
  if (type === 'lost_events' && 'events' in data) return { type: 'lost', count: Number(data.events) };
  return type === 'map' ? parseMap(data) : null;
}

const NOT_ASCII = String.raw`\uffffff`;

function parseMessage(line: string): { readonly type: unknown; readonly data: unknown } | null {
  try {
    // bpftrace 0.17 writes a byte beyond ASCII as \uffffffXX.
    const standard = line.includes(NOT_ASCII) ? line.replaceAll(NOT_ASCII, String.raw`\u00`) : line;
    const value: unknown = JSON.parse(standard);
    return typeof value === 'object' && value !== null && 'type' in value && 'data' in value ? value : null;
  } catch {
    return null;
  }
}

function parseText(text: string): BpftraceEvent | null {
  if (text === 'begin') return { type: 'begin' };
  const [type, sock, opened, ...rest] = text.split(' ');
  if (type === 'lost') return { type, count: Number(sock) };
  if (sock === undefined || opened === undefined) return null;
  const life = { sock, openedUs: Number(opened) };
  if (type === 'open') return { type, ...life, ...parseOpen(rest) };
  if (type === 'addresses') {
    const [localPort, remotePort, local = '', remote = ''] = rest;
    return { type, ...life, localPort: Number(localPort), remotePort: Number(remotePort), local, remote };
  }
  if (type === 'runs') return { type, ...life, runs: parseRuns(life.openedUs, rest) };
  return type === 'close' ? { type, ...life, ...parseClose(rest) } : null;
}

function parseOpen(words: readonly string[]) {
  const numbers = words.slice(0, 14).map(Number);
  const [dir = 0, bytes = 0, writeSeq = 0, copiedSeq = 0] = numbers;
  const [una = 0, acked = 0, unaAgain = 0, sndNxt = 0, sent = 0, retransmitted = 0] = numbers.slice(4);
  const [rcvNxt = 0, received = 0, rcvNxtAgain = 0, state = 0] = numbers.slice(10);
  return {
    dir: direction(dir),
    bytes,
    counters: {
      writeSeq,
      copiedSeq,
      acked: { before: una, counter: acked, after: unaAgain },
      sndNxt,
      bytesSentOnce: sent - retransmitted,
      arrived: { before: rcvNxt, counter: received, after: rcvNxtAgain },
      state,
    },
    pid: Number(words[14]),
    // A name may have blanks.
    comm: words.slice(15).join(' '),
  };
}

function parseRuns(openedUs: number, words: readonly string[]): Run[] {
  const [seq = 0, count = 0, from = 0, other = 0, ...packed] = words.map(Number);
  return unpackRuns(openedUs, seq, count, from, other, packed);
}

const DIRS = 2 ** 2;
const OPS = 2 ** 10;
const SPAN = 2 ** 17;

/**
 * Runs as the script packs them, newest first, put in their order. The times of a socket that is older than 19 hours
 * have more bits than a number: the last one of a run is told to some microseconds then.
 *
 * @param from where the newest begins in its direction
 * @param other where the other direction is
 * @param packed two numbers for each run, from index `at` on
 */
export function unpackRuns(
  openedUs: number,
  seq: number,
  count: number,
  from: number,
  other: number,
  packed: readonly number[],
  at = 0,
): Run[] {
  const runs: Run[] = [];
  const offsets = { send: other, recv: other };
  for (let index = 0; index < count; index++) {
    const moved = packed[at + 2 * index]!;
    const times = packed[at + 2 * index + 1]!;
    const dir = direction(moved % DIRS);
    const bytes = bytesOf(moved);
    offsets[dir] = index === 0 ? from : offsets[dir] - bytes;
    const firstUs = openedUs + Math.floor(times / SPAN);
    const ops = Math.floor(moved / DIRS) % OPS;
    runs.push({
      seq: seq - index,
      dir,
      from: offsets[dir],
      bytes,
      ops,
      firstUs,
      lastUs: firstUs + (times % SPAN),
    });
  }
  return runs.toReversed();
}

/** Of a packed run. */
export function bytesOf(moved: number): number {
  return Math.floor(moved / (DIRS * OPS));
}

function parseClose(words: readonly string[]) {
  const [clockUs = 0, seq = 0, ...figures] = words.map(Number);
  const [bytes_sent = 0, bytes_acked = 0, bytes_received = 0, bytes_retrans = 0, ...rest] = figures;
  const [segs_out = 0, segs_in = 0, data_segs_out = 0, data_segs_in = 0, retransmits = 0, srtt = 0] = rest;
  const bytes = { bytes_sent, bytes_acked, bytes_received, bytes_retrans };
  const segments = { segs_out, segs_in, data_segs_out, data_segs_in, retransmits };
  // srtt_us is kept times eight.
  return { clockUs, seq, tcp: { ...bytes, ...segments, rtt_us: srtt >> 3 } };
}

function parseMap(data: object): BpftraceEvent | null {
  const [entry] = Object.entries(data);
  if (entry === undefined) return null;
  const [name, values]: [string, unknown] = entry;
  if (typeof values !== 'object' || values === null) return null;
  if (name.startsWith('@full')) return { type: 'batches', batches: parseBatches(values) };
  const entries = Object.entries(values).filter((pair): pair is [string, number[]] => Array.isArray(pair[1]));
  return { type: 'map', name, entries: new Map(entries.map(([key, value]) => [kernelAddress(key), value])) };
}

/** One after the other, for they may be many: what is taken at once is soon forgotten. */
function* parseBatches(values: object): Generator<Batch> {
  for (const [key, value] of Object.entries(values)) {
    const [address = '', opened, seq] = key.split(',');
    // An entry that the script uses for itself has no address.
    if (address === '0' || !Array.isArray(value)) continue;
    const numbers: number[] = value;
    const [count = 0, from = 0, other = 0] = numbers;
    const openedUs = Number(opened);
    const runs = unpackRuns(openedUs, Number(seq), count, from, other, numbers, 3);
    yield { type: 'runs', sock: kernelAddress(address), openedUs, runs };
  }
}

/** Keys of maps are printed as signed numbers. */
function kernelAddress(key: string): string {
  return BigInt.asUintN(64, BigInt(key)).toString(16);
}

export function direction(number: number): 'send' | 'recv' {
  return number === 1 ? 'send' : 'recv';
}
