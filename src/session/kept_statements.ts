import { Account } from './account.ts';
import type { Statement } from './statement.ts';

/**
 * Keeps the statements of a session that moved most bytes; the others are added up. Memory is bounded by twice the
 * limit.
 */
export class KeptStatements {
  readonly #limit: number;
  #kept: Statement[] = [];
  /** A statement with no more bytes than this would not be kept: as many larger ones are. */
  #threshold = -1;
  readonly #dropped = new Account();
  #droppedStatements = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(statement: Statement): void {
    if (bytesOf(statement) <= this.#threshold) {
      this.#drop(statement);
      return;
    }
    this.#kept.push(statement);
    if (this.#kept.length >= 2 * this.#limit + 16) this.#shrink();
  }

  /** The kept ones in the order in which the client sent them. */
  list(): Statement[] {
    this.#trim();
    return this.#kept.toSorted((a, b) => a.seq - b.seq);
  }

  /** Those that {@link list} leaves out: their number, and the sum of their figures. */
  get dropped(): { readonly statements: number; readonly account: Account } {
    this.#trim();
    return { statements: this.#droppedStatements, account: this.#dropped };
  }

  #trim(): void {
    if (this.#kept.length > this.#limit) this.#shrink();
  }

  #shrink(): void {
    // Of equal ones the earlier stay, so that what is kept does not depend on when it is looked at.
    const bySize = this.#kept.toSorted((a, b) => bytesOf(b) - bytesOf(a) || a.seq - b.seq);
    for (const statement of bySize.slice(this.#limit)) this.#drop(statement);
    this.#kept = bySize.slice(0, this.#limit);
    const smallest = this.#kept.at(-1);
    if (smallest !== undefined) this.#threshold = bytesOf(smallest);
  }

  #drop(statement: Statement): void {
    this.#droppedStatements += 1;
    this.#dropped.add(statement);
  }
}

function bytesOf(statement: Statement): number {
  return statement.R.bytes + statement.S.bytes;
}
