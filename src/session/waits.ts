import type { Replies } from './replies.ts';
import type { Requests } from './requests.ts';
import { Statement } from './statement.ts';

/**
 * Who waited for whom in a session, and how long. A stall is booked to the statement whose bytes wait, too. Times are
 * milliseconds of one steady clock, and never 0.
 */
export class Waits {
  /** Time in which the client did not take what the server had sent. */
  clientStallMs = 0;
  /** Time in which the server did not take what the client had sent. */
  serverStallMs = 0;
  /** Time in which the server owed nothing, and the part of it within transactions. */
  idleMs = 0;
  idleInTransactionMs = 0;

  readonly #requests: Requests;
  readonly #replies: Replies;
  /** When each of them began that goes on, or was booked for the last time; 0: it does not. */
  #clientStalledSince = 0;
  #serverStalledSince = 0;
  #idleSince = 0;

  constructor(requests: Requests, replies: Replies) {
    this.#requests = requests;
    this.#replies = replies;
  }

  clientStallBegan(now: number): void {
    this.#clientStalledSince = now;
  }

  clientStallEnded(now: number): void {
    this.catchUp(now);
    this.#clientStalledSince = 0;
  }

  serverStallBegan(now: number): void {
    this.#serverStalledSince = now;
  }

  serverStallEnded(now: number): void {
    this.catchUp(now);
    this.#serverStalledSince = 0;
  }

  /** The server owes nothing; it may be told again. */
  idleBegan(now: number): void {
    if (this.#idleSince === 0) this.#idleSince = now;
  }

  idleEnded(now: number): void {
    if (this.#idleSince === 0) return;
    this.catchUp(now);
    this.#idleSince = 0;
  }

  /** Nobody waits any more. */
  end(now: number): void {
    this.catchUp(now);
    this.#clientStalledSince = 0;
    this.#serverStalledSince = 0;
    this.#idleSince = 0;
  }

  /** Books the time of a stall or of idleness that has not ended, so that a report shows it. */
  catchUp(now: number): void {
    if (this.#clientStalledSince !== 0) {
      const ms = now - this.#clientStalledSince;
      const { owner } = this.#replies;
      this.#clientStalledSince = now;
      this.clientStallMs += ms;
      if (owner instanceof Statement) owner.clientStallMs += ms;
    }
    if (this.#serverStalledSince !== 0) {
      const ms = now - this.#serverStalledSince;
      const { owner } = this.#requests;
      this.#serverStalledSince = now;
      this.serverStallMs += ms;
      if (owner instanceof Statement) owner.serverStallMs += ms;
    }
    if (this.#idleSince !== 0) {
      const ms = now - this.#idleSince;
      this.#idleSince = now;
      this.idleMs += ms;
      const status = this.#replies.facts.transactionStatus;
      if (status === 'T' || status === 'E') this.idleInTransactionMs += ms;
    }
  }
}
