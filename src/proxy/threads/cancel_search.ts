import type { FoundSession, SoughtSession } from '../control.ts';
import type { FoundSomewhere } from './mail.ts';
import type { ThreadHandle } from './thread_handle.ts';

/** How long threads may take to say whether a session is theirs: a cancel request must not wait for one that hangs. */
const PATIENCE_MS = 100;

interface Search {
  readonly from: ThreadHandle;
  /** The number that it was given by the thread that asks. */
  readonly id: number;
  readonly waiting: Set<ThreadHandle>;
  readonly timer: NodeJS.Timeout;
  /** An ended session, unless an open one is found. */
  ended: FoundSomewhere | null;
}

/** Asks the other threads for the session of a cancel request, and tells the one that asks who has it. */
export class CancelSearch {
  readonly #threads: readonly ThreadHandle[];
  readonly #searches = new Map<number, Search>();
  #numbered = 0;

  constructor(threads: readonly ThreadHandle[]) {
    this.#threads = threads;
  }

  begin(from: ThreadHandle, id: number, sought: SoughtSession): void {
    this.#numbered += 1;
    const number = this.#numbered;
    const asked = this.#threads.filter((thread) => thread !== from && !thread.isGone);
    const timer = setTimeout(() => this.#end(number, null), PATIENCE_MS);
    this.#searches.set(number, { from, id, waiting: new Set(asked), timer, ended: null });
    for (const thread of asked) thread.send({ kind: 'find', id: number, sought });
    this.#endIfAllAnswered(number);
  }

  answered(from: ThreadHandle, number: number, where: FoundSession | null): void {
    const search = this.#searches.get(number);
    const thread = from.number - 1;
    if (search === undefined) {
      // It comes too late to be of use: whoever delivers it has entered it as a request for nobody.
      if (where?.kind === 'open') {
        const error = 'its session was found only after it had been sent on';
        from.send({ kind: 'delivered', request: where.request, delivery: { deliveredAt: null, error } });
      }
      return;
    }
    search.waiting.delete(from);
    if (where?.kind === 'open') {
      this.#end(number, { ...where, thread });
      return;
    }
    if (where !== null) search.ended = { ...where, thread };
    this.#endIfAllAnswered(number);
  }

  gone(thread: ThreadHandle): void {
    for (const [number, search] of this.#searches) {
      if (search.waiting.delete(thread)) this.#endIfAllAnswered(number);
    }
  }

  #endIfAllAnswered(number: number): void {
    const search = this.#searches.get(number);
    if (search !== undefined && search.waiting.size === 0) this.#end(number, search.ended);
  }

  #end(number: number, where: FoundSomewhere | null): void {
    const search = this.#searches.get(number);
    if (search === undefined) return;
    this.#searches.delete(number);
    clearTimeout(search.timer);
    search.from.send({ kind: 'found', id: search.id, where });
  }
}
