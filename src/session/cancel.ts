import type { Endpoint } from './leg_totals.ts';
import type { Entrance, Session } from './session.ts';
import type { Statement } from './statement.ts';

/**
 * What became of a cancel request. `cancelled`: the server ended the statement that it was answering at that moment
 * with SQLSTATE 57014. `finished_first`: that statement ended otherwise, or nothing was being answered. `no_effect`:
 * that statement runs on, or ended otherwise more than {@link NO_EFFECT_MS} after the request was delivered.
 * `session_gone`: the session had ended, or its connection was lost before the statement was answered.
 * `unknown_key`: no session has, or had, that key.
 */
export type CancelOutcome = 'cancelled' | 'finished_first' | 'no_effect' | 'session_gone' | 'unknown_key';

/** The server heeds a request at its next CHECK_FOR_INTERRUPTS: a statement that runs on for so long ignored it. */
export const NO_EFFECT_MS = 1000;

/** Whom a cancel request is for, as its key tells. */
export type CancelTarget =
  | { readonly kind: 'nobody' }
  | { readonly kind: 'ended'; readonly session: number }
  /** `statement` is the one being answered; null when the server owes nothing. */
  | { readonly kind: 'open'; readonly session: number; readonly statement: Statement | null };

interface Ending {
  readonly how: 'cancelled' | 'otherwise' | 'lost';
  readonly at: number;
}

/** Who a cancel request is from. */
export type CancelOrigin = Pick<Session, 'client' | 'via' | 'entrance'>;

/** Why the backend of a statement that a cancel request did not end does not react. */
export interface CancelDiagnosis {
  /** When it was made. */
  readonly at: number;
  /** Of the process that was looked at. */
  readonly pid: number;
  /** A word, and that in a sentence. */
  readonly verdict: string;
  readonly sentence: string;
  readonly advice: string;
  /** What it was judged by, a line each. */
  readonly facts: readonly string[];
}

/** A cancel request, and what became of it. Times are milliseconds of the sessions' clock. */
export class Cancel {
  readonly client: Endpoint;
  /** The balancer through which the client came; null without. */
  readonly via: Endpoint | null;
  readonly entrance: Entrance | null;
  readonly requestedAt: number;
  /** Null when no session has, or had, that key. */
  readonly session: number | null;
  /** The statement that was being answered when the request came; null when there was none. */
  readonly statement: number | null;
  /** When the server had closed the connection that carried it. */
  deliveredAt: number | null = null;
  error: string | null = null;
  /** Null when it took effect in time, and when nobody could look at the backend. */
  diagnosis: CancelDiagnosis | null = null;

  readonly #target: CancelTarget['kind'];
  /** Until its figures are final. */
  #statement: Statement | null;
  readonly #hadFailed: boolean;
  readonly #bytesBefore: number;
  #ending: Ending | null = null;
  #bytesAfter = 0;

  constructor({ client, via, entrance }: CancelOrigin, target: CancelTarget, now: number) {
    const statement = target.kind === 'open' ? target.statement : null;
    this.client = client;
    this.via = via;
    this.entrance = entrance;
    this.requestedAt = now;
    this.session = target.kind === 'nobody' ? null : target.session;
    this.statement = statement?.seq ?? null;
    this.#target = target.kind;
    this.#statement = statement;
    this.#hadFailed = statement !== null && statement.failedAt !== 0;
    this.#bytesBefore = statement?.S.bytes ?? 0;
  }

  /** The statement whose end will tell what became of it; null when that is known. */
  get awaits(): Statement | null {
    return this.#statement;
  }

  /** Its statement's figures are final. @param lost the connection ended before the server had answered it */
  settle(lost: boolean): void {
    const statement = this.#statement;
    if (statement === null) return;
    this.#bytesAfter = this.bytesAfter ?? 0;
    this.#ending = this.#endingOf(statement, lost);
    this.#statement = null;
  }

  get outcome(): CancelOutcome {
    if (this.#target === 'nobody') return 'unknown_key';
    if (this.#target === 'ended') return 'session_gone';
    if (this.statement === null) return 'finished_first';
    const ending = this.#endingSoFar;
    if (ending === null) return 'no_effect';
    if (ending.how === 'cancelled') return 'cancelled';
    if (ending.how === 'lost') return 'session_gone';
    return ending.at - (this.deliveredAt ?? this.requestedAt) > NO_EFFECT_MS ? 'no_effect' : 'finished_first';
  }

  /** From the request until the server's 57014 was read; null without. */
  get effectMs(): number | null {
    const ending = this.#endingSoFar;
    return ending?.how === 'cancelled' ? ending.at - this.requestedAt : null;
  }

  /** Bytes that the server still sent for its statement; null without a statement. */
  get bytesAfter(): number | null {
    if (this.statement === null) return null;
    return this.#statement === null ? this.#bytesAfter : this.#statement.S.bytes - this.#bytesBefore;
  }

  get #endingSoFar(): Ending | null {
    return this.#statement === null ? this.#ending : this.#endingOf(this.#statement, false);
  }

  #endingOf(statement: Statement, lost: boolean): Ending | null {
    // One of an earlier request, or of a statement_timeout, is not the effect of this one.
    if (statement.outcome === 'cancelled' && !this.#hadFailed) {
      return { how: 'cancelled', at: statement.failedAt };
    }
    if (lost) return { how: 'lost', at: statement.endedAt };
    if (statement.owed > 0 || statement.copyInOpen) return null;
    return { how: 'otherwise', at: statement.S.lastAt };
  }
}
