import { Worker } from 'node:worker_threads';
import { now } from '../../clock.ts';
import { type Figures, type ReportExtent, WHOLE } from '../../report/figures.ts';
import { Errands } from './errands.ts';
import { FiguresReceiver } from './figures_mail.ts';
import { type FromThread, LAST, type ThreadStart, type ToThread } from './mail.ts';

/** How a thread ended. */
export interface ThreadEnd {
  readonly reason: string;
  /** It was told to, and did. */
  readonly isOrderly: boolean;
  /** Its last figures; null when it could not give them. */
  readonly last: Figures | null;
}

export interface ThreadEvents {
  mail(thread: ThreadHandle, mail: FromThread): void;
  /** It is gone, or was given up; called once. */
  gone(thread: ThreadHandle, end: ThreadEnd): void;
}

/** As this file: Node runs the sources, or what was built of them. */
export const WORKER = new URL(
  import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js',
  import.meta.url,
);

/** A relay thread, as the main thread sees it. */
export class ThreadHandle {
  /** From 1. */
  readonly number: number;
  /** Resolves when it accepts clients; rejects when it cannot. */
  readonly listening: Promise<void>;
  readonly #worker: Worker;
  readonly #events: ThreadEvents;
  readonly #startedAt = now();
  readonly #inquiries = new Errands<Figures | null>();
  readonly #pending = new Map<number, { readonly receiver: FiguresReceiver; readonly isWhole: boolean }>();
  /** The whole of its figures, as it last told them. */
  #known: Figures | null = null;
  #last: Figures | null = null;
  #isGone = false;
  #failure = 'it ended by itself';
  #ended: () => void = () => undefined;

  constructor(start: ThreadStart, events: ThreadEvents, worker: URL) {
    this.number = start.thread + 1;
    this.#events = events;
    this.#worker = new Worker(worker, { workerData: start, name: `relay ${this.number}` });
    this.#pending.set(LAST, { receiver: new FiguresReceiver(), isWhole: true });
    this.listening = new Promise((resolve, reject) => {
      this.#worker.on('message', (mail: FromThread) => {
        if (mail.kind === 'listening') resolve();
        this.#receive(mail);
      });
      this.#worker.on('exit', () => {
        this.#lose(this.#failure, false);
        reject(new Error(`relay thread ${this.number} could not start: ${this.#failure}`));
      });
    });
    // Who waits for it is told; nobody else has to.
    this.listening.catch(() => undefined);
    this.#worker.on('error', (error) => (this.#failure = messageOf(error)));
  }

  get ageMs(): number {
    return now() - this.#startedAt;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** What it told when it was last asked for all of its figures. */
  get known(): Figures | null {
    return this.#known;
  }

  send(mail: ToThread): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
    if (!this.#isGone) this.#worker.postMessage(mail);
  }

  /** @returns null when it is gone, or does not answer in time */
  inquire(extent: ReportExtent, patienceMs: number): Promise<Figures | null> {
    if (this.#isGone) return Promise.resolve(null);
    return new Promise((resolve) => {
      const id = this.#inquiries.begin((figures) => {
        clearTimeout(timer);
        this.#pending.delete(id);
        resolve(figures);
      });
      const timer = setTimeout(() => this.#inquiries.done(id, null), patienceMs);
      const isWhole = extent.statements === WHOLE.statements && extent.fingerprints;
      this.#pending.set(id, { receiver: new FiguresReceiver(), isWhole });
      this.send({ kind: 'inquire', id, extent });
    });
  }

  /** Has it end its sessions, and waits for its last figures, but no longer than so many milliseconds. */
  async end(patienceMs: number): Promise<void> {
    if (this.#isGone) return;
    const ended = new Promise<void>((resolve) => (this.#ended = resolve));
    this.send({ kind: 'end' });
    const timer = setTimeout(() => {
      this.#lose(`it did not answer within ${patienceMs / 1000} s`, false);
      this.#ended();
    }, patienceMs);
    await ended;
    clearTimeout(timer);
    // What it loops in is interrupted.
    this.#worker.unref();
    void this.#worker.terminate();
  }

  /** Ends it as a defect would, for tests. */
  terminate(): void {
    this.#failure = 'it was terminated';
    void this.#worker.terminate();
  }

  #receive(mail: FromThread): void {
    if (this.#isGone) return;
    if (mail.kind === 'figures') {
      const pending = this.#pending.get(mail.id);
      const figures = pending?.receiver.receive(mail.piece) ?? null;
      if (figures === null) return;
      if (pending?.isWhole === true) this.#known = figures;
      if (mail.id === LAST) this.#last = figures;
      else this.#inquiries.done(mail.id, figures);
      return;
    }
    if (mail.kind === 'failed') {
      this.#failure = mail.message;
      this.#lose(mail.message, false);
      return;
    }
    this.#events.mail(this, mail);
    if (mail.kind !== 'ended') return;
    this.#lose('pgnetflow stopped', true);
    this.#ended();
  }

  #lose(reason: string, isOrderly: boolean): void {
    if (this.#isGone) return;
    this.#isGone = true;
    for (const id of this.#pending.keys()) this.#inquiries.done(id, null);
    this.#events.gone(this, { reason, isOrderly, last: this.#last });
    this.#ended();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
