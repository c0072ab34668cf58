import { Backend, Frontend } from '../wire/message_types.ts';

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
  readonly #pending: Pending[] = [];
  /** An error was answered, and its Sync has not been sent yet. */
  #isSkipping = false;
  /** The server reads copy data: a Sync amid it has no answer. */
  #isCopyIn = false;

  get empty(): boolean {
    return this.#pending.length === 0;
  }

  /** A request is sent. */
  sent(request: number, exchange: Exchange | null = null, isLast = false): void {
    if (request === Frontend.CopyDone || request === Frontend.CopyFail) this.#isCopyIn = false;
    if (!ENDS.has(request)) return;
    if (this.#isCopyIn && request === Frontend.Sync) return;
    if (this.#isSkipping && request !== Frontend.Sync) {
      if (isLast) exchange?.done();
      return;
    }
    if (request === Frontend.Sync) this.#isSkipping = false;
    this.#pending.push({ request, exchange, isLast });
  }

  /** A reply has come. @returns whose it is; null: the client's */
  received(type: number, message: Buffer): Exchange | null {
    const [head] = this.#pending;
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

  #answered(): void {
    const { exchange, isLast } = this.#pending.shift()!;
    if (isLast) exchange?.done();
  }

  #failed(): void {
    this.#isCopyIn = false;
    const { request } = this.#pending[0]!;
    // What ends with ReadyForQuery skips nothing.
    if (ENDS.get(request)!.includes(Backend.ReadyForQuery)) return;
    while (!this.empty) {
      if (this.#pending[0]!.request === Frontend.Sync) return;
      this.#answered();
    }
    this.#isSkipping = true;
  }

  /** Syncs that were sent behind an Execute of COPY FROM STDIN are read within the COPY. */
  #copyBegan(): void {
    this.#isCopyIn = true;
    while (this.#pending[1]?.request === Frontend.Sync) this.#pending.splice(1, 1);
  }
}
