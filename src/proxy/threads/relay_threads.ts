import { rmSync } from 'node:fs';
import { CachingCollector, type FiguresSource } from '../../collector/collector.ts';
import { stateOf } from '../../collector/state.ts';
import { inSlices } from '../../collector/slices.ts';
import { packageVersion } from '../../package_version.ts';
import type { Address } from '../../relay/address.ts';
import { type Descriptors, loadDescriptors } from '../../relay/descriptor.ts';
import { abortedFigures, addedFigures, noFigures } from '../../report/added_figures.ts';
import type { Figures, ReportExtent } from '../../report/figures.ts';
import type { LostThreadRecord, ReportRecord } from '../../report/model.ts';
import { type Heading, mergedReport } from '../../report/report_record.ts';
import type { StatementLine } from '../../report/statement_line.ts';
import { SteadyClock } from '../../report/steady_clock.ts';
import { atOnce } from '../../report/steps.ts';
import { CLOCK_ORIGIN } from '../../clock.ts';
import { Counts } from '../counts.ts';
import { Doors } from '../doors.ts';
import { endAsTheyRest } from '../drain.ts';
import {
  type ListenerOptions,
  type ListenerStart,
  listenersOf,
  PROXY_DEFAULTS,
  type ProxyOptions,
  type ProxyStart,
} from '../options.ts';
import { CancelSearch } from './cancel_search.ts';
import { logLines } from './log_lines.ts';
import type { FromThread, Lines, PlainDoor, PlainPair, ThreadStart } from './mail.ts';
import { plainOptions, plainPair } from './plain.ts';
import { type ThreadEnd, ThreadHandle, WORKER } from './thread_handle.ts';

/** Where lines go that threads have written; null: nobody wants them. */
export interface OutputLines {
  readonly statement: ((line: StatementLine) => void) | null;
  readonly trace: ((line: string) => void) | null;
}

/** How long a thread may take to answer an inquiry. */
const PATIENCE_MS = 2000;
/** How long the threads may take for their last figures: the process ends within a second. */
const LAST_WORDS_MS = 500;
/** A thread that fails sooner than this after its start is not replaced at once. */
const SOON_MS = 1000;

/** Relay threads cannot be had here. */
export class ThreadsError extends Error {
  readonly code = 'PGNETFLOW_NO_THREADS';

  constructor(message: string) {
    super(message);
    this.name = 'ThreadsError';
  }
}

/**
 * Starts a proxy that relays in so many threads.
 *
 * @param worker the program of a thread
 * @throws {ThreadsError} when there can be no such threads here
 * @throws {ListenError} when an address cannot be listened on; nothing is left open then
 */
export async function startRelayThreads(
  start: ProxyStart,
  workers: number,
  lines: OutputLines,
  worker = WORKER,
): Promise<RelayThreads> {
  const options = { ...PROXY_DEFAULTS, ...start };
  const threads = new RelayThreads(options, listenersOf(start), workers, lines, worker);
  try {
    await threads.listen();
  } catch (error) {
    await threads.stop();
    throw error;
  }
  return threads;
}

/**
 * A proxy that relays in threads of its own. This one, the main thread, is its control plane: it holds the listening sockets,
 * finds the sessions of cancel requests, has backends looked at, adds the figures of the threads up, and replaces a thread
 * that is gone. No byte waits for it.
 */
export class RelayThreads implements FiguresSource {
  readonly #options: ProxyOptions;
  readonly #heading: Heading;
  readonly #lines: OutputLines;
  readonly #descriptors: Descriptors;
  readonly #doors: Doors;
  #pairs: readonly PlainPair[];
  /** The listening sockets; a thread is given duplicates. */
  readonly #listening: PlainDoor[] = [];
  readonly #cells: Int32Array;
  readonly #counts: readonly Counts[];
  readonly #threads: ThreadHandle[] = [];
  readonly #search: CancelSearch;
  readonly #worker: URL;
  /** Where readers get figures while it runs. */
  readonly collector = new CachingCollector(this);
  /** Of the threads that are gone, and of earlier processes. */
  #gone: Figures | null = null;
  readonly #lost: LostThreadRecord[] = [];
  #diagnosing: Promise<unknown> = Promise.resolve();
  #stopFollowing: (() => void) | null = null;
  #final: Promise<ReportRecord> | null = null;

  /** @throws {ThreadsError} */
  constructor(
    options: ProxyOptions,
    pairs: readonly ListenerOptions[],
    workers: number,
    lines: OutputLines,
    worker: URL,
  ) {
    const descriptors = loadDescriptors();
    if (descriptors === null)
      throw new ThreadsError('a listening socket cannot be shared between threads without koffi');
    const clock = new SteadyClock();
    const { maxFingerprints, queryText: texts } = options;
    this.#descriptors = descriptors;
    this.#options = options;
    this.#lines = lines;
    this.#worker = worker;
    this.#doors = new Doors(pairs);
    this.#pairs = pairs.map(plainPair);
    this.#heading = {
      version: packageVersion(),
      clock,
      startedAt: clock.now(),
      texts,
      maxFingerprints,
      lostThreads: this.#lost,
      statsSince: options.state?.statsSince ?? null,
    };
    this.#gone = options.state?.figures ?? null;
    this.#cells = Counts.cells(workers);
    this.#counts = Array.from({ length: workers }, (_, thread) => new Counts(this.#cells, thread));
    this.#search = new CancelSearch(this.#threads);
  }

  /** Where it listens, in the order of the options; port 0 is resolved. */
  get addresses(): Address[] {
    return this.#doors.addresses;
  }

  /** Which of these addresses lead to which server. */
  get pairs(): Doors['pairs'] {
    return this.#doors.pairs;
  }

  /** Client connections, those included that are told that they are too many. */
  get openSessions(): number {
    return this.#counts[0]!.all('connections');
  }

  /** The threads, for tests: what ends one of them. */
  get threads(): readonly ThreadHandle[] {
    return this.#threads;
  }

  /**
   * Resolves when all threads accept clients.
   *
   * @throws {ListenError} when an address cannot be listened on; nothing is left open then
   */
  async listen(): Promise<void> {
    await this.#doors.open(
      { log: this.#options.log, console: null },
      (socket) => socket.destroy(),
      () => undefined,
      (listener, { address, entrance }, pair) =>
        this.#listening.push({
          pair,
          address,
          listener: entrance.listener,
          descriptor: listener.release(this.#descriptors),
        }),
    );
    this.#stopFollowing = this.#heading.clock.followSystem();
    for (const thread of this.#counts.keys()) this.#start(thread);
    await Promise.all(this.#threads.map((thread) => thread.listening));
  }

  async figures(extent: ReportExtent): Promise<ReportRecord> {
    const heading = { ...this.#heading, histograms: extent.histograms === true };
    return await inSlices(mergedReport(heading, await this.#all(extent)));
  }

  /** Cumulative figures as a state file keeps them. */
  async stateText(): Promise<string> {
    const extent = { statements: 'open', fingerprints: true } as const;
    const all = this.#final === null ? await this.#all(extent) : this.#withGone([noFigures()]);
    return await inSlices(stateOf(this.#heading, all));
  }

  /** Of all threads, those that are gone included. */
  async #all(extent: ReportExtent): Promise<Figures[]> {
    const answers = await Promise.all(
      this.#threads.map(async (thread) => ({
        thread,
        figures: await thread.inquire(extent, PATIENCE_MS),
      })),
    );
    const answered = answers.map(({ thread, figures }) => {
      // Its last figures are among those of the threads that are gone.
      if (thread.isGone) return noFigures();
      if (figures === null)
        this.#options.log.warn(`relay thread ${thread.number} does not answer; its figures are old`);
      return figures ?? thread.known ?? noFigures();
    });
    return this.#withGone(answered);
  }

  /** Certificates and keys were read anew; they are for connections to come. */
  renewTls(listeners: readonly ListenerStart[]): void {
    this.#pairs = listenersOf({ log: this.#options.log, listeners }).map(plainPair);
    for (const thread of this.#threads) thread.send({ kind: 'renew_tls', pairs: this.#pairs });
  }

  /**
   * Stops listening, and ends each session as soon as it is idle outside of a transaction.
   *
   * @param until gives it up: the sessions that are left go on
   * @returns resolves once no session is left, or it was given up
   */
  async drain(until: AbortSignal): Promise<void> {
    this.#stopListening();
    const ask = (): void => {
      for (const thread of this.#threads) thread.send({ kind: 'drain' });
    };
    await endAsTheyRest(this, ask, until);
  }

  /** Stops listening, ends all sessions, and returns the final report, whatever the threads do. Further calls: the same one. */
  stop(): Promise<ReportRecord> {
    return (this.#final ??= this.#stop());
  }

  // -------------------------------------------------------------------------- private

  #withGone(figures: readonly Figures[]): Figures[] {
    return this.#gone === null ? [...figures] : [...figures, this.#gone];
  }

  #start(thread: number): void {
    const { options, log } = { options: plainOptions(this.#options), log: this.#options.log };
    const start: ThreadStart = {
      clock: CLOCK_ORIGIN,
      cells: this.#cells,
      thread,
      threads: this.#counts.length,
      options,
      pairs: this.#pairs,
      doors: this.#listening.map((door) => ({
        ...door,
        descriptor: this.#descriptors.duplicate(door.descriptor),
      })),
      logLevel: log.level,
      diagnoses: this.#options.diagnose !== undefined,
      statementLines: this.#lines.statement !== null,
      trace: this.#lines.trace !== null,
      servers: this.#doors.servers,
    };
    const events = {
      mail: (handle: ThreadHandle, mail: FromThread) => this.#receive(handle, mail),
      gone: (handle: ThreadHandle, end: ThreadEnd) => this.#lose(handle, end),
    };
    this.#threads[thread] = new ThreadHandle(start, events, this.#worker);
  }

  #receive(from: ThreadHandle, mail: FromThread): void {
    switch (mail.kind) {
      case 'inquire':
        void this.collector.inquire(mail.inquiry).then(
          (report) => from.send({ kind: 'report', id: mail.id, report }),
          () => from.send({ kind: 'report', id: mail.id, report: null }),
        );
        break;
      case 'find':
        this.#search.begin(from, mail.id, mail.sought);
        break;
      case 'found':
        this.#search.answered(from, mail.id, mail.where);
        break;
      case 'delivered':
        this.#threads[mail.thread]?.send({
          kind: 'delivered',
          request: mail.request,
          delivery: mail.delivery,
        });
        break;
      case 'make_room':
        this.#makeRoom(from);
        break;
      case 'diagnose':
        this.#diagnose(from, mail);
        break;
      case 'lines':
        this.#write(from, mail.lines);
        break;
      // What concerns the thread alone.
      case 'listening':
      case 'figures':
      case 'ended':
      case 'failed':
        break;
    }
  }

  /** The thread with most silent clients cuts one off. */
  #makeRoom(from: ThreadHandle): void {
    const others = this.#threads.filter((thread) => thread !== from);
    const silentIn = ({ number }: ThreadHandle): number => this.#counts[number - 1]!.own('silent');
    const [most] = others.toSorted((a, b) => silentIn(b) - silentIn(a));
    most?.send({ kind: 'make_room' });
  }

  /** One backend at a time, whichever thread asks. */
  #diagnose(from: ThreadHandle, { id, backend }: Extract<FromThread, { kind: 'diagnose' }>): void {
    const { diagnose } = this.#options;
    const look = async (): Promise<void> => {
      try {
        from.send({ kind: 'diagnosed', id, diagnosis: (await diagnose?.(backend)) ?? null });
      } catch (error) {
        const failed = error instanceof Error ? error.message : String(error);
        from.send({ kind: 'diagnosed', id, diagnosis: { failed } });
      }
    };
    this.#diagnosing = this.#diagnosing.then(look);
  }

  #write(from: ThreadHandle, { log, statements, trace, dropped }: Lines): void {
    logLines(this.#options.log, log, from.number);
    for (const line of statements) this.#lines.statement?.(line);
    for (const line of trace) this.#lines.trace?.(line);
    this.#counts[from.number - 1]!.add('lines', -(statements.length + trace.length));
    if (dropped > 0)
      this.#options.log.warn(
        `${dropped} lines of relay thread ${from.number} (statements, trace) are dropped: they came faster than they could be written`,
      );
  }

  /** A thread is gone: its sessions with it, and all that it held is free. */
  #lose(thread: ThreadHandle, end: ThreadEnd): void {
    this.#counts[thread.number - 1]!.release();
    this.#search.gone(thread);
    const { clock } = this.#heading;
    const at = clock.timestamp(clock.now());
    const detail = `its relay thread failed: ${end.reason}`;
    const known = end.last ?? thread.known;
    if (known !== null) {
      const { maxSessionsKept, maxFingerprints } = this.#options;
      const last = end.last ?? abortedFigures(known, at, detail);
      this.#gone =
        this.#gone === null ? last : addedFigures(this.#gone, last, { maxSessionsKept, maxFingerprints });
    }
    if (end.isOrderly) return;
    const figures = end.last !== null ? 'complete' : known === null ? 'none' : 'last_known';
    this.#lost.push({ thread: thread.number, at, reason: end.reason, figures });
    if (this.#final !== null) return;
    this.#options.log.error(
      `relay thread ${thread.number} failed: ${end.reason}; its sessions are lost, the others go on, and another thread takes its place`,
    );
    const again = (): void => {
      if (this.#final === null) this.#start(thread.number - 1);
    };
    if (thread.ageMs >= SOON_MS) again();
    else setTimeout(again, SOON_MS);
  }

  #stopListening(): void {
    this.#doors.close();
    for (const { descriptor, address } of this.#listening.splice(0)) {
      this.#descriptors.close(descriptor);
      if ('path' in address) rmSync(address.path, { force: true });
    }
  }

  async #stop(): Promise<ReportRecord> {
    this.#stopFollowing?.();
    this.#stopListening();
    await Promise.all(this.#threads.map((thread) => thread.end(LAST_WORDS_MS)));
    return atOnce(mergedReport(this.#heading, this.#withGone([noFigures()])));
  }
}
