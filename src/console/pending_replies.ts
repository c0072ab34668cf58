import { Backend, Frontend } from '../wire/message_types.ts';
import { Fifo } from './fifo.ts';

/** Statements of pgnetflow's own, which the client never sees. */
export interface Exchange {
  /** A reply to it. */
  reply(type: number, message: Buffer): void;
  /** All is answered, or the server has skipped what was not. */
  done(): void;
}

interface Pending {
  /** Type of the request. */
  readonly request: number;
  /** Whose it is; null: the client's. */
  readonly exchange: Exchange | null;
  /** It is the last request of its exchange. */
  readonly isLast: boolean;
}

/** What ends the answer to each request that is answered. */
const ENDS: ReadonlyMap<number, readonly number[]> = new Map<number, readonly number[]>([
  [Frontend.Parse, [Backend.ParseComplete]],
  [Frontend.Bind, [Backend.BindComplete]],
  [Frontend.Describe, [Backend.RowDescription, Backend.NoData]],
  [Frontend.Execute, [Backend.CommandComplete, Backend.EmptyQueryResponse, Backend.PortalSuspended]],
  [Frontend.Close, [Backend.CloseComplete]],
  [Frontend.Sync, [Backend.ReadyForQuery]],
  [Frontend.Query, [Backend.ReadyForQuery]],
  [Frontend.FunctionCall, [Backend.ReadyForQuery]],
  // They end the data of a COPY, if one is under way, and have no answer of their own.
  [Frontend.CopyDone, []],
  [Frontend.CopyFail, []],
]);

/** The server sends these at any time; they answer nothing. */
const UNASKED: ReadonlySet<number> = new Set<number>([
  Backend.NoticeResponse,
  Backend.NotificationResponse,
  Backend.ParameterStatus,
]);

/**
 * Whom each reply is for: the client, or pgnetflow itself. Replies come in the order of the requests; after an error of the
 * extended protocol the server skips everything up to the next Sync.
 */
export class PendingReplies {
  readonly #pending = new Fifo<Pending>();
  /** An error was answered, and its Sync has not been sent yet. */
  #isSkipping = false;
  /** The server reads copy data that the client has not ended: a Sync amid it has no answer. */
  #isCopyIn = false;

  get empty(): boolean {
    return this.#pending.length === 0;
  }

  /** Requests that are not answered yet. */
  get owed(): number {
    return this.#pending.length;
  }

  /** A request is sent. */
  sent(request: number, exchange: Exchange | null = null, isLast = false): void {
    if (!ENDS.has(request)) return;
    if (this.#isCopyIn && request === Frontend.Sync) return;
    if (endsCopy(request) && (this.#isCopyIn || this.empty)) {
      this.#isCopyIn = false;
      return;
    }
    if (this.#isSkipping && request !== Frontend.Sync) {
      if (isLast) exchange?.done();
      return;
    }
    if (request === Frontend.Sync) this.#isSkipping = false;
    this.#pending.push({ request, exchange, isLast });
  }

  /** A reply has come. @returns whose it is; null: the client's */
  received(type: number, message: Buffer): Exchange | null {
    const head = this.#pending.at(0);
    if (head === undefined) return null;
    const { exchange, request } = head;
    if (UNASKED.has(type)) return type === Backend.NoticeResponse ? exchange : null;
    exchange?.reply(type, message);
    if (type === Backend.ErrorResponse) this.#failed();
    else if (ENDS.get(request)!.includes(type)) this.#answered();
    else if (type === Backend.CopyInResponse) this.#copyBegan();
    return exchange;
  }

  /** No more replies will come. */
  abandon(): void {
    while (!this.empty) this.#answered();
  }

  /** The head is answered, and what stands behind it without an answer of its own. */
  #answered(): void {
    do {
      const { exchange, isLast } = this.#pending.shift()!;
      if (isLast) exchange?.done();
    } while (!this.empty && endsCopy(this.#pending.at(0)!.request));
  }

  #failed(): void {
    this.#isCopyIn = false;
    const { request } = this.#pending.at(0)!;
    // What ends with ReadyForQuery skips nothing.
    if (ENDS.get(request)!.includes(Backend.ReadyForQuery)) return;
    while (!this.empty) {
      if (this.#pending.at(0)!.request === Frontend.Sync) return;
      this.#answered();
    }
    this.#isSkipping = true;
  }

  /** Syncs that were sent before the end of the copy data are read within the COPY. */
  #copyBegan(): void {
    let end = 1;
    while (this.#pending.at(end)?.request === Frontend.Sync) end += 1;
    const next = this.#pending.at(end);
    const isEnded = next !== undefined && endsCopy(next.request);
    this.#isCopyIn = !isEnded;
    this.#pending.removeBehindNext(isEnded ? end : end - 1);
  }
}

function endsCopy(request: number): boolean {
  return request === Frontend.CopyDone || request === Frontend.CopyFail;
}
