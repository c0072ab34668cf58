import {
  type BpftraceEvent,
  type Run,
  type SocketEvent,
  bytesOf,
  direction,
  unpackRuns,
} from './bpftrace_line.ts';
import { endpointText, openedBy } from './endpoint.ts';
import type { Filter, SocketRecord } from './record.ts';
import { bytesRead, bytesWritten } from './stream_offsets.ts';

/**
 * A line that another one has overtaken comes with the next reading of its CPU's buffer, and batches are told several
 * times a second: much sooner.
 */
const PATIENCE_MS = 3000;

type Event<T extends BpftraceEvent['type']> = Extract<BpftraceEvent, { type: T }>;
type Entries = Event<'map'>['entries'];

/** One socket, from its first operation to its end. */
interface Watched {
  open: Event<'open'> | null;
  addresses: Event<'addresses'> | null;
  close: Event<'close'> | null;
  /** Whose number is not yet the next. */
  readonly held: Map<number, Run>;
  /** What is known so far of a run that goes on. */
  pending: Run | null;
  /** Of the next run; 0: the socket itself is still to be told. */
  next: number;
  /** What has been told of the next run. */
  told: { readonly bytes: number; readonly ops: number; readonly lastUs: number };
  /** Offsets at the open. */
  base: { readonly send: number | null; readonly recv: number | null };
  /** How far each direction has been told, from the open on. */
  readonly end: { send: number; recv: number };
  waitingSinceMs: number | null;
  /** Its address is another socket's by now, and its end was not told. */
  isForgotten: boolean;
}

const NOTHING_TOLD = { bytes: 0, ops: 0, lastUs: 0 };

/**
 * Puts what the CPUs tell of sockets into the order in which it happened, and makes records of it, each byte and each
 * operation in one record. What is missing for too long counts as lost.
 */
export class RunOrder {
  readonly #filter: Filter;
  readonly #emit: (record: SocketRecord) => void;
  readonly #lives = new Map<string, Watched>();
  /** When the newest life of each address began. */
  readonly #newest = new Map<string, number>();
  /** Names of sockets that have ended since the last rest, and since the one before. */
  #ended = new Set<string>();
  #endedBefore = new Set<string>();
  #restedMs = 0;

  constructor(filter: Filter, emit: (record: SocketRecord) => void) {
    this.#filter = filter;
    this.#emit = emit;
  }

  take(event: SocketEvent, nowMs: number): void {
    const name = lifeName(event.sock, event.openedUs);
    // A batch is told twice when the maps are asked for.
    if (this.#hasEnded(name)) return;
    const watched = this.#watched(name);
    switch (event.type) {
      case 'open':
        watched.open = event;
        this.#forgetOlder(event, nowMs);
        break;
      case 'addresses':
        watched.addresses = event;
        break;
      case 'runs':
        if (this.#tellNext(name, watched, event.runs)) return;
        hold(watched, event.runs);
        break;
      case 'close':
        watched.close = event;
        break;
    }
    this.#drain(name, watched, nowMs);
  }

  /**
   * Takes what waits in the script's maps.
   *
   * @returns how many sockets there are of which something is still on its way: ask for the maps again
   */
  takeMaps(past: Entries, run: Entries, nowMs: number): number {
    for (const [sock, values] of run) {
      if (sock === '0') continue;
      const [, seq = 0, kept = 0, openedUs = 0, dir = 0, from = 0, other = 0, bytes = 0, ...rest] = values;
      const [ops = 0, firstUs = 0, lastUs = 0] = rest;
      const name = lifeName(sock, openedUs);
      if (this.#hasEnded(name)) continue;
      const watched = this.#watched(name);
      if (seq >= watched.next) {
        const [newest, ...packed] = past.get(sock) ?? [];
        // The maps are printed one after the other, while the kernel goes on.
        const agree = kept === 0 || newest === seq - 1;
        watched.pending = { seq, dir: direction(dir), from, bytes, ops, firstUs, lastUs };
        if (agree) hold(watched, unpackPast(openedUs, watched.pending, other, kept, packed));
      }
      this.#drain(name, watched, nowMs);
    }
    // Sockets that ended meanwhile are in no map, but a line of theirs may be on its way as well.
    const lives = [...this.#lives.values()];
    return lives.filter(({ waitingSinceMs, isForgotten }) => waitingSinceMs !== null && !isForgotten).length;
  }

  /** Of how many sockets something has been missing since before that time. */
  missingSince(ms: number): number {
    let missing = 0;
    for (const { waitingSinceMs } of this.#lives.values())
      if (waitingSinceMs !== null && waitingSinceMs < ms) missing += 1;
    return missing;
  }

  /** Gives up waiting for what has been missing for too long, or for all that is missing. */
  release(nowMs: number, patienceMs = PATIENCE_MS): void {
    if (nowMs - this.#restedMs > PATIENCE_MS) {
      this.#restedMs = nowMs;
      this.#endedBefore = this.#ended;
      this.#ended = new Set();
    }
    for (const [name, watched] of this.#lives) {
      const since = watched.waitingSinceMs;
      if (since === null || nowMs - since < patienceMs) continue;
      if (watched.next === 0 || watched.isForgotten) {
        this.#lives.delete(name);
        this.#ended.add(name);
        this.#lost(watched.held.size + 1, nowMs);
        continue;
      }
      const waiting = [...watched.held.keys(), watched.pending?.seq, watched.close?.seq];
      const next = Math.min(...waiting.filter((seq) => seq !== undefined));
      this.#lost(next - watched.next, nowMs);
      watched.next = next;
      watched.told = NOTHING_TOLD;
      watched.waitingSinceMs = null;
      this.#drain(name, watched, nowMs);
    }
  }

  /** The kernel runs no probe inside another one on the same CPU, so that the end of a socket may be missed. */
  #forgetOlder({ sock, openedUs }: Event<'open'>, nowMs: number): void {
    const newest = this.#newest.get(sock) ?? openedUs;
    const older = this.#lives.get(lifeName(sock, Math.min(newest, openedUs)));
    if (newest !== openedUs && older !== undefined) {
      older.isForgotten = true;
      older.waitingSinceMs = nowMs;
    }
    this.#newest.set(sock, Math.max(newest, openedUs));
  }

  #watched(name: string): Watched {
    let watched = this.#lives.get(name);
    if (watched === undefined) {
      watched = {
        open: null,
        addresses: null,
        close: null,
        held: new Map(),
        pending: null,
        next: 0,
        told: NOTHING_TOLD,
        base: { send: null, recv: null },
        end: { send: 0, recv: 0 },
        waitingSinceMs: null,
        isForgotten: false,
      };
      this.#lives.set(name, watched);
    }
    return watched;
  }

  #drain(name: string, watched: Watched, nowMs: number): void {
    const nextBefore = watched.next;
    if (watched.next === 0) this.#tellOpen(name, watched);
    if (watched.next > 0) this.#tellRuns(name, watched);
    const { next, held, pending, close } = watched;
    if (close !== null && close.seq <= next && next > 0) {
      this.#lives.delete(name);
      this.#ended.add(name);
      if (this.#newest.get(close.sock) === close.openedUs) this.#newest.delete(close.sock);
      const { send, recv } = offsetsOf(watched, watched.end);
      const { clockUs, tcp } = close;
      // A connection that was reset from here has its counters set to 0 before it ends.
      const kept = tcp.segs_out === 0 ? {} : { tcp };
      this.#emit({ type: 'close', sock: name, clock_us: clockUs, ...known(send, recv), ...kept });
      return;
    }
    if (watched.isForgotten) return;
    if (next > 0 && held.size === 0 && pending === null && close === null) watched.waitingSinceMs = null;
    else if (next !== nextBefore || watched.waitingSinceMs === null) watched.waitingSinceMs = nowMs;
  }

  #hasEnded(name: string): boolean {
    return this.#ended.has(name) || this.#endedBefore.has(name);
  }

  /** Tells what is the next to be told, as a rule, without keeping it. @returns false when it is not */
  #tellNext(name: string, watched: Watched, runs: readonly Run[]): boolean {
    const { next, held, pending, close } = watched;
    if (next === 0 || held.size > 0 || pending !== null || close !== null || runs[0]?.seq !== next)
      return false;
    for (const run of runs) {
      this.#tellRun(name, watched, run);
      watched.told = NOTHING_TOLD;
    }
    watched.next = next + runs.length;
    return true;
  }

  #tellOpen(name: string, watched: Watched): void {
    const { open, addresses } = watched;
    if (open === null || addresses === null) return;
    watched.next = 1;
    const { localPort, remotePort, local, remote } = addresses;
    const written = bytesWritten(open.counters, openedBy(this.#filter, localPort, remotePort));
    const read = bytesRead(open.counters);
    const [sent, received] = open.dir === 'send' ? [open.bytes, 0] : [0, open.bytes];
    watched.base = { send: before(written, sent), recv: before(read, received) };
    this.#emit({
      type: 'open',
      sock: name,
      pid: open.pid,
      comm: open.comm,
      local: endpointText(local, localPort),
      remote: endpointText(remote, remotePort),
      clock_us: open.openedUs,
      ...known(watched.base.send, watched.base.recv),
    });
  }

  #tellRuns(name: string, watched: Watched): void {
    for (let run = take(watched.held, watched.next); run !== null; run = take(watched.held, watched.next)) {
      this.#tellRun(name, watched, run);
      watched.next += 1;
      watched.told = NOTHING_TOLD;
    }
    const { pending, next } = watched;
    if (pending === null || pending.seq > next) return;
    watched.pending = null;
    if (pending.seq < next || pending.ops <= watched.told.ops) return;
    this.#tellRun(name, watched, pending);
    watched.told = { bytes: pending.bytes, ops: pending.ops, lastUs: pending.lastUs };
  }

  /** All of a run that has not been told when the run was still going on. */
  #tellRun(name: string, watched: Watched, run: Run): void {
    const { told, base, end } = watched;
    const { dir, from, bytes, ops, firstUs, lastUs } = run;
    end[dir] = from + bytes;
    if (ops <= told.ops) return;
    this.#emit({
      type: 'run',
      sock: name,
      dir,
      from: (base[dir] ?? 0) + from + told.bytes,
      bytes: bytes - told.bytes,
      ops: ops - told.ops,
      first_us: Math.max(firstUs, told.lastUs),
      last_us: lastUs,
    });
  }

  #lost(count: number, nowMs: number): void {
    if (count > 0) this.#emit({ type: 'lost', count, clock_us: Math.round(nowMs * 1000) });
  }
}

function lifeName(sock: string, openedUs: number): string {
  return `0x${sock}@${openedUs}`;
}

function hold(watched: Watched, runs: readonly Run[]): void {
  for (const run of runs) if (run.seq >= watched.next) watched.held.set(run.seq, run);
}

function take(held: Map<number, Run>, seq: number): Run | null {
  const run = held.get(seq);
  held.delete(seq);
  return run ?? null;
}

/** The runs before a pending one. */
function unpackPast(
  openedUs: number,
  pending: Run,
  other: number,
  kept: number,
  packed: readonly number[],
): Run[] {
  const [moved = 0] = packed;
  const bytes = bytesOf(moved);
  const sameDirection = direction(moved % 4) === pending.dir;
  const [from, others] = sameDirection ? [pending.from - bytes, other] : [other - bytes, pending.from];
  return unpackRuns(openedUs, pending.seq - 1, kept, from, others, packed);
}

function before(after: number | null, moved: number): number | null {
  return after === null ? null : after - moved;
}

function offsetsOf({ base }: Watched, end: { readonly send: number; readonly recv: number }) {
  return {
    send: base.send === null ? null : base.send + end.send,
    recv: base.recv === null ? null : base.recv + end.recv,
  };
}

/** Only what is known. */
function known(sent: number | null, received: number | null): { sent?: number; received?: number } {
  return { ...(sent !== null && { sent }), ...(received !== null && { received }) };
}
