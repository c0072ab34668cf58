import { parseEnd, socketKey } from './address.ts';
import { Helper } from './helper.ts';
import type { RecordSink } from './record_reader.ts';
import type { OpenRecord, ProbeRecord } from './records.ts';
import { SocketLife } from './socket_life.ts';

export interface LedgerLimits {
  /** Runs kept one by one; beyond it the older ones of each socket are added up. */
  readonly maxRuns: number;
  /** Sockets kept; beyond it the oldest are forgotten. */
  readonly maxSockets: number;
}

/** About 60 MB of runs and 60 MB of sockets at worst. */
export const LEDGER_LIMITS: LedgerLimits = { maxRuns: 500_000, maxSockets: 50_000 };

/** Damaged lines that are named. */
const MAX_DAMAGED_NAMED = 5;

/** What the kernel has told, socket by socket. Does no I/O. */
export class KernelLedger implements RecordSink {
  readonly helpers: Helper[] = [];
  readonly damagedLines: { line: number; problem: string }[] = [];
  /** Records of sockets that no `open` has introduced. */
  orphans = 0;
  /** Sockets that were forgotten, for there were too many. */
  forgotten = 0;
  readonly #limits: LedgerLimits;
  /** By the name that the helper gives them, those of the helper that is attached. */
  readonly #open = new Map<string, SocketLife>();
  /** By their two ends, the oldest first. */
  readonly #byEnds = new Map<string, SocketLife[]>();
  #sockets = 0;
  #runs = 0;

  constructor(limits: LedgerLimits = LEDGER_LIMITS) {
    this.#limits = limits;
  }

  /** Sockets kept. */
  get sockets(): number {
    return this.#sockets;
  }

  get lost(): number {
    return this.helpers.reduce((sum, helper) => sum + helper.lost, 0);
  }

  get damagedCount(): number {
    return this.helpers.reduce((sum, helper) => sum + helper.damaged, 0);
  }

  enter(record: ProbeRecord): void {
    switch (record.type) {
      case 'starting':
        break;
      case 'attach':
        this.helperGone();
        this.helpers.push(new Helper(record));
        break;
      case 'open':
        this.#opened(record);
        break;
      case 'run': {
        const life = this.#named(record.sock);
        if (life === null) break;
        this.#runs += life.run(record);
        if (this.#runs > this.#limits.maxRuns) this.#foldRuns();
        break;
      }
      case 'totals':
        this.#named(record.sock)?.totals(record);
        break;
      case 'close':
        this.#named(record.sock)?.close(record);
        this.#open.delete(record.sock);
        break;
      case 'lost':
        this.#helper.lost += record.count;
        break;
      case 'flushed':
        this.#settle();
        this.#helper.unflushed = false;
        break;
      case 'detach': {
        const helper = this.#helper;
        this.#settle();
        helper.detach = record;
        helper.lost = Math.max(helper.lost, record.lost);
        helper.unflushed = false;
        this.#end('detached');
        break;
      }
    }
  }

  damaged(line: number, problem: string): void {
    this.#helper.damaged += 1;
    if (this.damagedLines.length < MAX_DAMAGED_NAMED) this.damagedLines.push({ line, problem });
  }

  /** Nothing more comes from the helper, whether or not it has said so. */
  helperGone(): void {
    if (this.helpers.at(-1)?.state === 'attached') this.#end('gone');
  }

  /** The helper did not answer the request to write all that is pending. */
  notFlushed(): void {
    const helper = this.helpers.at(-1);
    if (helper?.state === 'attached') helper.unflushed = true;
  }

  /** All sockets with these ends, the oldest first. */
  socketsOf(key: string): readonly SocketLife[] {
    return this.#byEnds.get(key) ?? [];
  }

  /** Some socket with one of these ends has not been closed. */
  anyOpen(keys: ReadonlySet<string>): boolean {
    for (const { state, local, remote } of this.#open.values())
      if (state === 'open' && keys.has(socketKey(local, remote))) return true;
    return false;
  }

  /** Ends of all sockets. */
  keys(): Iterable<string> {
    return this.#byEnds.keys();
  }

  /** Forgets closed sockets with ends that are not wanted. */
  prune(wanted: (key: string) => boolean): void {
    for (const [key, lives] of this.#byEnds) {
      if (wanted(key)) continue;
      for (const life of lives) if (life.state !== 'open') this.#drop(key, life);
    }
  }

  get #helper(): Helper {
    const helper = this.helpers.at(-1);
    if (helper !== undefined) return helper;
    const unnamed = new Helper(null);
    this.helpers.push(unnamed);
    return unnamed;
  }

  #named(sock: string): SocketLife | null {
    const life = this.#open.get(sock);
    if (life === undefined) this.orphans += 1;
    return life ?? null;
  }

  #opened(record: OpenRecord): void {
    const helper = this.#helper;
    // Its name comes again, so it is no more; how it ended was not told.
    const former = this.#open.get(record.sock);
    if (former !== undefined) former.state = 'detached';
    const [local, remote] = [parseEnd(record.local), parseEnd(record.remote)];
    const key = socketKey(local, remote);
    const lives = this.#byEnds.get(key) ?? [];
    const last = lives.at(-1);
    if (last !== undefined && last.helper !== helper && last.mayGoOn(record)) {
      last.goOn(record, helper);
      this.#open.set(record.sock, last);
      return;
    }
    const life = new SocketLife(record, helper, local, remote);
    this.#open.set(record.sock, life);
    this.#byEnds.set(key, [...lives, life]);
    this.#sockets += 1;
    if (this.#sockets > this.#limits.maxSockets) this.#forgetOldest();
  }

  #settle(): void {
    for (const life of this.#open.values()) life.settled = true;
  }

  #end(state: 'detached' | 'gone'): void {
    this.#helper.state = state;
    for (const life of this.#open.values()) life.state = 'detached';
    this.#open.clear();
  }

  #foldRuns(): void {
    const average = this.#runs / (2 * this.#sockets);
    for (const lives of this.#byEnds.values()) {
      for (const { received, sent } of lives) {
        for (const stream of [received, sent]) if (stream.runs.length >= average) this.#runs -= stream.fold();
      }
    }
  }

  /** A tenth at a time, closed ones before others. */
  #forgetOldest(): void {
    const enough = Math.floor(this.#limits.maxSockets * 0.9);
    for (const closed of [true, false]) {
      for (const [key, lives] of this.#byEnds) {
        for (const life of lives) {
          if (this.#sockets <= enough) return;
          if (closed && life.state === 'open') continue;
          this.#drop(key, life);
          this.forgotten += 1;
        }
      }
    }
  }

  #drop(key: string, life: SocketLife): void {
    const left = (this.#byEnds.get(key) ?? []).filter((other) => other !== life);
    if (left.length === 0) this.#byEnds.delete(key);
    else this.#byEnds.set(key, left);
    this.#sockets -= 1;
    this.#runs -= life.runs;
    if (life.state !== 'open') return;
    if (this.#open.get(life.sock) === life) this.#open.delete(life.sock);
  }
}
