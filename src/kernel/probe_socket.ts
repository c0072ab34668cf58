import type net from 'node:net';
import type { Logger } from 'pino';
import { escapeLine } from '../report/escape.ts';
import type { ReportRecord } from '../report/model.ts';
import { listen, type Listener } from '../relay/listener.ts';
import { HelperConnection, type HelperDeadlines, type HelperEvents } from './helper_connection.ts';
import { KernelLedger } from './ledger.ts';
import { type SessionEnds, socketsOf } from './match.ts';

export interface ProbeSocketOptions {
  readonly path: string;
  /** The sessions of which something may still be reported. */
  readonly sessions: () => Promise<Iterable<SessionEnds>>;
  readonly log: Logger;
  /** How long a report waits for the helper. */
  readonly patienceMs?: number;
  readonly deadlines?: HelperDeadlines;
}

const PATIENCE_MS = 2000;
/** So many sockets are kept whether or not a session has them. */
const FEW_SOCKETS = 1000;

/**
 * The Unix-domain socket that a kernel helper writes its records to. Only this user and root can connect. It takes one
 * helper at a time, and whatever that does, sessions go on.
 */
export class ProbeSocket {
  readonly ledger = new KernelLedger();
  readonly #options: ProbeSocketOptions;
  readonly #patienceMs: number;
  #listener: Listener | null = null;
  #helper: HelperConnection | null = null;
  #pruneAt = FEW_SOCKETS;
  #isPruning = false;
  /** Told after each chunk of records, and when a helper has gone. */
  readonly #waiting = new Set<() => void>();

  private constructor(options: ProbeSocketOptions) {
    this.#options = options;
    this.#patienceMs = options.patienceMs ?? PATIENCE_MS;
  }

  /** @throws {ListenError} */
  static async open(options: ProbeSocketOptions): Promise<ProbeSocket> {
    const probe = new ProbeSocket(options);
    const { path, log } = options;
    probe.#listener = await listen(
      { path },
      (socket) => probe.#accept(socket),
      (error) => log.warn(`a kernel helper could not be taken: ${error.message}`),
      'owner',
    );
    return probe;
  }

  /** Asks the helper for all that it has not written yet; resolves when that is here, or will not come. */
  async flush(): Promise<void> {
    const helper = this.#helper;
    if (helper === null) return;
    const token = helper.askToFlush();
    const flushed = await this.#until(() => helper.flushed >= token || this.#helper !== helper);
    if (!flushed) {
      this.ledger.notFlushed();
      this.#options.log.warn('the kernel helper did not answer in time; what it still had is missing');
    }
  }

  /** As {@link flush}, and waits for the last records of the sockets of a final report. */
  async settle(report: ReportRecord): Promise<void> {
    // The sessions of that report are about to be forgotten by those who ran them.
    this.#pruneAt = Infinity;
    if (this.#helper === null) return;
    await this.flush();
    const sockets = socketsOf(report.sessions.map(({ wire }) => wire));
    await this.#until(() => this.#helper === null || !this.ledger.anyOpen(sockets));
  }

  close(): void {
    this.#listener?.close();
    this.#helper?.close();
  }

  #accept(socket: net.Socket): void {
    const { log } = this.#options;
    if (this.#helper !== null) {
      const reason = 'another helper is attached to this proxy, which takes one at a time';
      log.warn(`a kernel helper was turned away: ${reason}`);
      socket.on('error', () => undefined);
      socket.end(`${JSON.stringify({ type: 'refused', reason })}\n`);
      // It may have something to say already; nobody listens.
      socket.resume();
      return;
    }
    const events: HelperEvents = {
      read: () => {
        void this.#prune();
        this.#wake();
      },
      gone: (problem) => {
        this.#helper = null;
        this.ledger.helperGone();
        if (problem === null) log.info('the kernel helper has gone');
        else log.warn(`the kernel helper was cut off: ${escapeLine(problem)}`);
        this.#wake();
      },
    };
    this.#helper = new HelperConnection(socket, this.ledger, events, this.#options.deadlines);
    log.info('a kernel helper has connected');
  }

  /** Forgets sockets of no session, as soon as there are twice as many as were left the last time. */
  async #prune(): Promise<void> {
    if (this.#isPruning || this.ledger.sockets < this.#pruneAt) return;
    this.#isPruning = true;
    try {
      // What comes while the sessions are asked for may be of one that is not among them yet.
      const old = new Set(this.ledger.keys());
      const wanted = socketsOf(await this.#options.sessions());
      if (this.#pruneAt === Infinity) return;
      this.ledger.prune((key) => wanted.has(key) || !old.has(key));
      this.#pruneAt = Math.max(FEW_SOCKETS, 2 * this.ledger.sockets);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.log.warn(`the sockets of which sessions are kept could not be found out: ${reason}`);
    } finally {
      this.#isPruning = false;
    }
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }

  /** @returns false when it did not come true in time */
  #until(holds: () => boolean): Promise<boolean> {
    if (holds()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const end = (result: boolean): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve(result);
      };
      const wake = (): void => {
        if (holds()) end(true);
      };
      const timer = setTimeout(() => end(false), this.#patienceMs);
      this.#waiting.add(wake);
    });
  }
}
