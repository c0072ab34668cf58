import { Account } from './account.ts';
import { Largest } from './largest.ts';
import type { Statement } from './statement.ts';
import type { StatementBudget, StatementKeeper } from './statement_budget.ts';

/** Keeps the statements of a session that moved most bytes; the others are added up. */
export class KeptStatements implements StatementKeeper {
  readonly #largest: Largest<Statement>;
  readonly #budget: StatementBudget | null;
  /** Those that are not kept: their number, and the sum of their figures. */
  readonly dropped = { statements: 0, account: new Account() };

  /** @param budget what all sessions together may keep */
  constructor(limit: number, budget: StatementBudget | null = null) {
    this.#largest = new Largest(limit, sizeOf);
    this.#budget = budget;
  }

  add(statement: Statement): void {
    const dropped = this.#largest.add(statement);
    if (dropped === null) this.#budget?.add(this);
    else this.#drop(dropped);
  }

  /** Adds the figures of all that were added, kept or dropped. */
  addTo(sum: Account): void {
    sum.add(this.dropped.account);
    for (const statement of this.#largest.items()) sum.add(statement);
  }

  /** The kept ones in the order in which the client sent them. */
  list(): Statement[] {
    return this.#largest.list().toSorted((a, b) => a.seq - b.seq);
  }

  sizes(): Iterable<number> {
    return this.#largest.sizes();
  }

  drop(upToBytes: number, atMost: number): number {
    let dropped = 0;
    while (dropped < atMost && (this.#largest.leastSize ?? Number.POSITIVE_INFINITY) <= upToBytes) {
      this.#drop(this.#largest.removeLeast()!);
      dropped += 1;
    }
    return dropped;
  }

  /** Nobody will ask for them any more. */
  forget(): void {
    this.#budget?.leave(this, this.#largest.length);
  }

  #drop(statement: Statement): void {
    this.dropped.statements += 1;
    this.dropped.account.add(statement);
  }
}

function sizeOf({ R, S }: Statement): number {
  return R.bytes + S.bytes;
}
