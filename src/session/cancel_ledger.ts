import { Cancel, type CancelDiagnosis, type CancelOrigin, type CancelTarget } from './cancel.ts';
import type { Session } from './session.ts';
import type { Statement } from './statement.ts';

/**
 * The cancel requests of a proxy, the latest so many of them, and what became of each. Those that named no statement are
 * the first to go: anyone can send a thousand keys that nobody has, and they must not hide a request that took effect.
 */
export class CancelLedger {
  readonly #limit: number;
  /** In the order in which they came: those that were to cancel a statement, and the others. */
  readonly #ofStatements = new Set<Cancel>();
  readonly #ofNone = new Set<Cancel>();
  /** By the statements whose figures are not final. */
  readonly #undecided = new Map<Statement, Set<Cancel>>();
  /** Requests that are not kept. */
  dropped = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Those that are kept, in the order in which they came. */
  list(): readonly Cancel[] {
    // Each of the two is in that order, and of equal ones the sort changes none.
    return [...this.#ofStatements, ...this.#ofNone].toSorted((a, b) => a.requestedAt - b.requestedAt);
  }

  /** Enters a request. */
  enter(origin: CancelOrigin, target: CancelTarget, now: number): Cancel {
    const cancel = new Cancel(origin, target, now);
    if (cancel.awaits === null) {
      this.#ofNone.add(cancel);
    } else {
      this.#ofStatements.add(cancel);
      this.#awaitEnd(cancel.awaits, cancel);
    }
    if (this.#ofStatements.size + this.#ofNone.size > this.#limit) this.#dropOne();
    return cancel;
  }

  /** It was found out why a statement's backend does not react: that holds for each request to cancel it. */
  diagnosed(statement: Statement, diagnosis: CancelDiagnosis): void {
    for (const cancel of this.#undecided.get(statement) ?? []) cancel.diagnosis = diagnosis;
  }

  /** A statement's figures are final. */
  statementFinished(session: Session, statement: Statement): void {
    if (this.#undecided.size === 0) return;
    const cancels = this.#undecided.get(statement);
    if (cancels === undefined) return;
    this.#undecided.delete(statement);
    // At a shutdown the server was still at it: nothing was lost before.
    const unanswered = statement.owed > 0 || statement.copyInOpen;
    const lost = unanswered && session.endedAt !== null && session.endReason !== 'shutdown';
    for (const cancel of cancels) cancel.settle(lost);
  }

  /** What becomes of the request will be known when its statement's figures are final. */
  #awaitEnd(statement: Statement, cancel: Cancel): void {
    const others = this.#undecided.get(statement) ?? new Set();
    const [first] = others;
    cancel.diagnosis = first?.diagnosis ?? null;
    this.#undecided.set(statement, others.add(cancel));
  }

  #dropOne(): void {
    const kept = this.#ofNone.size > 0 ? this.#ofNone : this.#ofStatements;
    const [oldest] = kept;
    if (oldest === undefined) return;
    this.dropped += 1;
    kept.delete(oldest);
    const { awaits: statement } = oldest;
    if (statement === null) return;
    const undecided = this.#undecided.get(statement);
    undecided?.delete(oldest);
    if (undecided?.size === 0) this.#undecided.delete(statement);
  }
}
