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
  | (Life & { readonly type: 'runs'; readonly runs: readonly Run[] })
  | (Life & {
      readonly type: 'close';
      readonly clockUs: number;
      readonly seq: number;
      readonly tcp: TcpFields;
    })
  | { readonly type: 'lost'; readonly count: number }
  | { readonly type: 'map'; readonly name: string; readonly entries: ReadonlyMap<string, readonly number[]> };

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

function parseMessage(line: string): { readonly type: unknown; readonly data: unknown } | null {
  try {
    // bpftrace 0.17 writes a byte beyond ASCII as \uffffffXX.
    const value: unknown = JSON.parse(line.replace(/\\uffffff([89a-f][0-9a-f])/g, String.raw`\u00$1`));
    return typeof value === 'object' && value !== null && 'type' in value && 'data' in value ? value : null;
  } catch {
    return null;
  }
}

function parseText(text: string): BpftraceEvent | null {
  if (text === 'begin') return { type: 'begin' };
  const [type, sock, opened, ...rest] = text.split(' ');
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
  const [seq, count, from, other] = words.slice(0, 4).map(Number);
  return unpackRuns(
    openedUs,
    seq!,
    count!,
    from!,
    other!,
    words.slice(4).map((word) => BigInt(`0x${word}`)),
  );
}

const DIR_BITS = 2n;
const MOVED_BITS = 12n;
const SPAN_BITS = 20n;

/**
 * Runs as the script packs them, newest first, put in their order.
 *
 * @param from where the newest begins in its direction
 * @param other where the other direction is
 */
export function unpackRuns(
  openedUs: number,
  seq: number,
  count: number,
  from: number,
  other: number,
  packed: readonly bigint[],
): Run[] {
  const runs: Run[] = [];
  const offsets = { send: other, recv: other };
  for (let index = 0; index < count; index++) {
    const moved = packed[2 * index]!;
    const times = packed[2 * index + 1]!;
    const dir = direction(Number(BigInt.asUintN(Number(DIR_BITS), moved)));
    const bytes = Number(moved >> MOVED_BITS);
    offsets[dir] = index === 0 ? from : offsets[dir] - bytes;
    const firstUs = openedUs + Number(times >> SPAN_BITS);
    runs.push({
      seq: seq - index,
      dir,
      from: offsets[dir],
      bytes,
      ops: Number(BigInt.asUintN(Number(MOVED_BITS), moved) >> DIR_BITS),
      firstUs,
      lastUs: firstUs + Number(BigInt.asUintN(Number(SPAN_BITS), times)),
    });
  }
  return runs.toReversed();
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
  const entries = Object.entries(values).filter((pair): pair is [string, number[]] => Array.isArray(pair[1]));
  return { type: 'map', name, entries: new Map(entries.map(([key, value]) => [kernelAddress(key), value])) };
}

/** Keys of maps are printed as signed numbers. */
function kernelAddress(key: string): string {
  return BigInt.asUintN(64, BigInt(key)).toString(16);
}

export function direction(number: number): 'send' | 'recv' {
  return number === 1 ? 'send' : 'recv';
}
