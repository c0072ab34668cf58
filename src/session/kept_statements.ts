import { Account } from './account.ts';
import { Largest } from './largest.ts';
import type { Statement } from './statement.ts';

/** Keeps the statements of a session that moved most bytes; the others are added up. */
export class KeptStatements {
  readonly #largest: Largest<Statement>;
  /** Those that are not kept: their number, and the sum of their figures. */
  readonly dropped = { statements: 0, account: new Account() };

  constructor(limit: number) {
    this.#largest = new Largest(limit, ({ R, S }) => R.bytes + S.bytes);
  }

  add(statement: Statement): void {
    const dropped = this.#largest.add(statement);
    if (dropped === null) return;
    this.dropped.statements += 1;
    this.dropped.account.add(dropped);
  }

  /** The kept ones in the order in which the client sent them. */
  list(): Statement[] {
    return this.#largest.list().toSorted((a, b) => a.seq - b.seq);
  }
}
