// What a truthful kernel would have recorded of conversations that were played through sessions in memory.
import type { SessionRecord } from '../../src/report/model.ts';
import { sessionRecord } from '../../src/report/session_record.ts';
import { SteadyClock } from '../../src/report/steady_clock.ts';
import { type Chunk, relay } from './story.ts';
import { KernelLedger, type LedgerLimits } from '../../src/kernel/ledger.ts';
import { RecordReader } from '../../src/kernel/record_reader.ts';

/** One record as it stands in a line. */
export type Line = Record<string, unknown> & { readonly type: string };

export type SocketName = 'client' | 'server' | 'backend';

/** One operation of a process on a socket. */
interface Operation {
  readonly socket: SocketName;
  readonly dir: 'send' | 'recv';
  readonly bytes: number;
}

/** A session, and all operations that the kernel has seen of it, in order. */
export interface Played {
  readonly session: SessionRecord;
  readonly operations: readonly Operation[];
}

const ENDS = {
  client: { local: '127.0.0.1:6432', remote: '127.0.0.1:40001' },
  server: { local: '127.0.0.1:40002', remote: '127.0.0.1:5432' },
  backend: { local: '127.0.0.1:5432', remote: '127.0.0.1:40002' },
} as const;

const PROXY = { address: '127.0.0.1', port: 6432 };
const CLIENT = { address: '::ffff:127.0.0.1', port: 40_001 };
const PROXY_TO_SERVER = { address: '127.0.0.1', port: 40_002 };
const SERVER = { address: '127.0.0.1', port: 5432 };

/**
 * Plays pieces through a session.
 *
 * @param splits lengths of the backend's operations, and how many bytes of a write the kernel takes at once, over and
 *   over; 0 takes it whole
 * @returns null when the start-up packet does not come whole
 */
export function play(pieces: readonly Chunk[], splits: readonly number[]): Played | null {
  const parts = pieces.filter(({ bytes }) => bytes.length > 0);
  const forwarded: { from: Chunk['from']; bytes: number }[] = [];
  const moved = { client: 0, server: 0 };
  const session = relay(parts, 'terminate', 100, ({ wire }) => {
    for (const from of ['client', 'server'] as const) {
      const out = wire[from === 'client' ? 'server' : 'client'].out;
      if (out > moved[from]) forwarded.push({ from, bytes: out - moved[from] });
      moved[from] = out;
    }
  });
  if (session.startup === null) return null;
  const operations: Operation[] = [];
  let turn = 0;
  const next = (): number => splits[turn++ % splits.length] ?? 0;
  const inPieces = (socket: SocketName, dir: Operation['dir'], bytes: number, first: number): number => {
    const head = first > 0 && first < bytes ? first : bytes;
    operations.push({ socket, dir, bytes: head });
    if (head < bytes) operations.push({ socket, dir, bytes: bytes - head });
    return head < bytes ? 1 : 0;
  };
  const startupReads = parts.length - forwarded.length + 1;
  for (const { bytes } of parts.slice(0, startupReads))
    operations.push({ socket: 'client', dir: 'recv', bytes: bytes.length });
  const { client, server } = session.wire;
  for (const [index, { from, bytes }] of forwarded.entries()) {
    const [source, target] = from === 'client' ? [client, server] : [server, client];
    if (index > 0) {
      if (from === 'server') inPieces('backend', 'send', bytes, next());
      operations.push({ socket: from, dir: 'recv', bytes });
    }
    source.reads += index > 0 ? 1 : startupReads;
    target.writes += 1;
    target.deferred += inPieces(from === 'client' ? 'server' : 'client', 'send', bytes, next());
    if (from === 'client') inPieces('backend', 'recv', bytes, next());
  }
  client.ends = { local: PROXY, remote: CLIENT };
  server.ends = { local: PROXY_TO_SERVER, remote: SERVER };
  session.server = SERVER;
  return { session: sessionRecord(session, new SteadyClock()), operations };
}

export interface Telling {
  /** Operations that one record of a run tells of, over and over: it is cut into pieces. */
  readonly pieces: readonly number[];
  /** The helper attaches when so many operations have been. */
  readonly attachedAt?: number;
  /** By what it sees operations. */
  readonly events?: string;
}

/** What a helper that sees everything writes of it. */
export function tell({ operations, session }: Played, { pieces, attachedAt = 0, events }: Telling): Line[] {
  const startedAt = Date.parse(session.started_at);
  const lines: Line[] = [
    {
      type: 'attach',
      schema: 'pgnetflow.probe/1',
      method: 'bpftrace',
      ...(events !== undefined && { events }),
      tool: 'bpftrace v0.17.0',
      kernel: '6.1.0',
      at: new Date(startedAt).toISOString(),
      clock_us: 1000,
      filter: { proxy_port: 6432, server_port: 5432 },
    },
  ];
  const sockets = new Map<SocketName, { sent: number; received: number; pending: Line | null }>();
  let clock_us = 1001;
  let turn = 0;
  const names = ['client', 'server', 'backend'] as const;
  for (const name of names) sockets.set(name, { sent: 0, received: 0, pending: null });
  const open = (name: SocketName): void => {
    const { sent, received } = sockets.get(name)!;
    lines.push({ type: 'open', sock: name, pid: 1, comm: 'node', ...ENDS[name], clock_us, sent, received });
  };
  const opened = new Set<SocketName>();
  const write = (name: SocketName): void => {
    const socket = sockets.get(name)!;
    if (socket.pending !== null) lines.push(socket.pending);
    socket.pending = null;
  };
  for (const [index, { socket: name, dir, bytes }] of operations.entries()) {
    clock_us += 1;
    const socket = sockets.get(name)!;
    const figure = dir === 'send' ? 'sent' : 'received';
    if (index >= attachedAt) {
      if (!opened.has(name)) open(name);
      opened.add(name);
      const { pending } = socket;
      const most = pieces[turn++ % pieces.length]!;
      if (pending !== null && pending['dir'] === dir && Number(pending['ops']) < most) {
        socket.pending = {
          ...pending,
          bytes: Number(pending['bytes']) + bytes,
          ops: Number(pending['ops']) + 1,
          last_us: clock_us,
        };
      } else {
        write(name);
        socket.pending = {
          type: 'run',
          sock: name,
          dir,
          from: socket[figure],
          bytes,
          ops: 1,
          first_us: clock_us,
          last_us: clock_us,
          us: 1,
        };
      }
    }
    socket[figure] += bytes;
  }
  for (const name of names) {
    clock_us += 1;
    write(name);
    if (!opened.has(name)) open(name);
    const { sent, received } = sockets.get(name)!;
    lines.push({
      type: 'close',
      sock: name,
      clock_us,
      sent,
      received,
      tcp: { data_segs_out: 3, retransmits: 0 },
    });
  }
  const detach = { type: 'detach', clock_us: clock_us + 5_000_000, lost: 0, reason: 'signal' };
  return [...lines, detach];
}

/** A ledger that has read these lines, and then the end of the recording. */
export function ledgerOf(lines: readonly (Line | string)[], limits?: LedgerLimits): KernelLedger {
  const ledger = ledgerSoFar(lines, limits);
  ledger.helperGone();
  return ledger;
}

/** A ledger that has read these lines of a helper that is still attached. */
export function ledgerSoFar(lines: readonly (Line | string)[], limits?: LedgerLimits): KernelLedger {
  const ledger = new KernelLedger(limits);
  const reader = new RecordReader(ledger);
  for (const line of lines)
    reader.read(Buffer.from(`${typeof line === 'string' ? line : JSON.stringify(line)}\n`));
  reader.end();
  return ledger;
}
