import { Quota } from './quota.ts';

/** Keeps statements, and can be asked to keep fewer. */
export interface StatementKeeper {
  /** Bytes that each kept statement has moved. */
  sizes(): Iterable<number>;
  /** Drops statements of at most so many bytes, the smallest first, and at most so many. @returns how many */
  drop(upToBytes: number, atMost: number): number;
}

/** At the limit so much of it is freed at once, that trimming costs little per statement. */
const FREED = 0.1;

/**
 * Bounds how many statements all sessions together keep, ended ones included: without it, memory would grow with
 * sessions times statements. When there are too many, the smallest go, whosever they are.
 */
export class StatementBudget {
  readonly #quota: Quota;
  readonly #keepers = new Set<StatementKeeper>();

  constructor(limit: number | Quota) {
    this.#quota = typeof limit === 'number' ? new Quota(limit) : limit;
  }

  /** Statements kept at present. */
  get kept(): number {
    return this.#quota.held;
  }

  /** A keeper keeps one more. */
  add(keeper: StatementKeeper): void {
    this.#keepers.add(keeper);
    this.#quota.add(1);
    if (this.#quota.isExceeded) this.#trim();
  }

  /** A keeper and its so many statements are gone. */
  leave(keeper: StatementKeeper, statements: number): void {
    if (this.#keepers.delete(keeper)) this.#quota.add(-statements);
  }

  #trim(): void {
    const sizes = [...this.#keepers].flatMap((keeper) => [...keeper.sizes()]).toSorted((a, b) => a - b);
    let surplus = this.kept - Math.floor(this.#quota.room * (1 - FREED));
    const largestToGo = sizes[surplus - 1] ?? Number.POSITIVE_INFINITY;
    for (const keeper of this.#keepers) {
      const dropped = keeper.drop(largestToGo, surplus);
      surplus -= dropped;
      this.#quota.add(-dropped);
    }
  }
}
