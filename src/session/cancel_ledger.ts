import { Cancel, type CancelDiagnosis, type CancelOrigin, type CancelTarget } from './cancel.ts';
import type { Session } from './session.ts';
import type { Statement } from './statement.ts';

/** The cancel requests of a proxy, the first so many of them, and what became of each. */
export class CancelLedger {
  readonly #limit: number;
  readonly #kept: Cancel[] = [];
  /** By the statements whose figures are not final. */
  readonly #undecided = new Map<Statement, Cancel[]>();
  /** Requests that were not kept. */
  dropped = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** In the order in which they came. */
  list(): readonly Cancel[] {
    return this.#kept;
  }

  /** Enters a request. */
  enter(origin: CancelOrigin, target: CancelTarget, now: number): Cancel {
    const cancel = new Cancel(origin, target, now);
    if (this.#kept.length >= this.#limit) {
      this.dropped += 1;
      return cancel;
    }
    this.#kept.push(cancel);
    if (target.kind === 'open' && target.statement !== null) {
      const others = this.#undecided.get(target.statement);
      if (others === undefined) this.#undecided.set(target.statement, [cancel]);
      else {
        cancel.diagnosis = others[0]!.diagnosis;
        others.push(cancel);
      }
    }
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
}
