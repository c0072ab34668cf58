import type { Conversation } from './conversation.ts';
import type { Replies } from './replies.ts';
import type { Requests } from './requests.ts';
import { Statement } from './statement.ts';

/**
 * Who waited for whom in a session, and how long. A stall is booked to the statement whose bytes wait, too, and the
 * wait for a client's next message to the statements that it keeps open. Times are milliseconds of one steady clock, and
 * never 0.
 */
export class Waits {
  /** Time in which the client did not take what the server had sent. */
  clientStallMs = 0;
  /** Time in which the server did not take what the client had sent. */
  serverStallMs = 0;
  /** Time in which the server had answered all it could, and waited for the client's next message. */
  idleMs = 0;
  /** Of this: within a transaction, while the server owed nothing. */
  idleInTransactionMs = 0;
  /** Of this: within statements. */
  clientWaitMs = 0;

  readonly #conversation: Conversation;
  readonly #requests: Requests;
  readonly #replies: Replies;
  readonly #startedAt: number;
  /** When each of them began that goes on, or was booked for the last time; 0: it does not. */
  #clientStalledSince = 0;
  #serverStalledSince = 0;
  #idleSince: number;

  /** @param now when the client came: it is its turn */
  constructor(conversation: Conversation, requests: Requests, replies: Replies, now: number) {
    this.#conversation = conversation;
    this.#requests = requests;
    this.#replies = replies;
    this.#startedAt = now;
    this.#idleSince = now;
  }

  clientStallBegan(now: number): void {
    this.catchUp(now);
    this.#clientStalledSince = now;
  }

  clientStallEnded(now: number): void {
    this.catchUp(now);
    this.#clientStalledSince = 0;
  }

  serverStallBegan(now: number): void {
    this.catchUp(now);
    this.#serverStalledSince = now;
  }

  serverStallEnded(now: number): void {
    this.catchUp(now);
    this.#serverStalledSince = 0;
  }

  /** It is the client's turn; it may be told again. */
  idleBegan(now: number): void {
    if (this.#idleSince === 0) this.#idleSince = now;
  }

  /** The client has sent something, which is not looked at yet. */
  clientSpoke(now: number): void {
    if (this.#idleSince !== 0) this.catchUp(now);
  }

  /** It is the server's turn. All idleness has been booked. */
  idleEnded(): void {
    this.#idleSince = 0;
  }

  /** Whom what was read waits to be written to; null when nothing waits. */
  get stalled(): 'ClientWrite' | 'ServerWrite' | null {
    if (this.#clientStalledSince !== 0) return 'ClientWrite';
    return this.#serverStalledSince === 0 ? null : 'ServerWrite';
  }

  /** Nobody waits any more. */
  end(now: number): void {
    this.catchUp(now);
    this.#clientStalledSince = 0;
    this.#serverStalledSince = 0;
    this.#idleSince = 0;
  }

  /** Time until a moment in which the session was not idle. */
  activeMs(until: number): number {
    return Math.max(0, until - this.#startedAt - this.idleMs);
  }

  /** Books the time of a stall or of idleness that has not ended, so that a report shows it. */
  catchUp(now: number): void {
    const stalls = this.#clientStalledSince !== 0 || this.#serverStalledSince !== 0;
    if (this.#clientStalledSince !== 0) {
      const ms = now - this.#clientStalledSince;
      const { owner } = this.#replies;
      this.#clientStalledSince = now;
      this.clientStallMs += ms;
      if (owner instanceof Statement && !owner.closed) owner.clientStallMs += ms;
    }
    if (this.#serverStalledSince !== 0) {
      const ms = now - this.#serverStalledSince;
      const { owner } = this.#requests;
      this.#serverStalledSince = now;
      this.serverStallMs += ms;
      if (owner instanceof Statement && !owner.closed) owner.serverStallMs += ms;
    }
    if (this.#idleSince !== 0) {
      const ms = now - this.#idleSince;
      const conversation = this.#conversation;
      this.#idleSince = now;
      this.idleMs += ms;
      if (!stalls && conversation.waitedForClient(ms)) this.clientWaitMs += ms;
      const status = this.#replies.facts.transactionStatus;
      if ((status === 'T' || status === 'E') && conversation.queue.empty) this.idleInTransactionMs += ms;
    }
  }
}
