import type { Account } from './account.ts';

/** What the server still owes: one per frontend message that must be answered. */
export const Expectation = {
  /** Everything up to the first ReadyForQuery. */
  Startup: 1,
  Query: 2,
  FunctionCall: 3,
  Parse: 4,
  Bind: 5,
  DescribeStatement: 6,
  DescribePortal: 7,
  Execute: 8,
  Close: 9,
  Sync: 10,
  /** A Sync that the server read as part of a COPY FROM STDIN, and will not answer. */
  Swallowed: 11,
} as const;
export type Expectation = (typeof Expectation)[keyof typeof Expectation];

/** ReadyForQuery is the answer that ends it. */
export function endsWithReadyForQuery(expectation: Expectation): boolean {
  return (
    expectation === Expectation.Sync ||
    expectation === Expectation.Query ||
    expectation === Expectation.FunctionCall ||
    expectation === Expectation.Startup
  );
}

/** What follows from an entry's end, beyond its owner's figures. */
export interface Aftermath {
  /** The server has answered it. */
  answered(): void;
  /** It failed (`itself`), or the server skipped it because of an earlier failure. */
  failed(itself: boolean): void;
}

/** Room for a pipeline of one statement. To copy an array costs a fraction of filling one. */
const FIRST_ROOM = 8;
const FIRST_KINDS: Expectation[] = Array.from({ length: FIRST_ROOM }, () => Expectation.Sync);
const FIRST_ENTRIES: null[] = Array.from({ length: FIRST_ROOM }, () => null);

/**
 * What the server owes, in the order of the requests. Replies come in that order, so the head is always what the
 * next reply answers.
 *
 * ```
 *       popped                      pushed
 *   ... ─────┬────────┬──────┬──────┬───── ...     positions grow and are never used again;
 *            │ Parse  │ Bind │ Sync │              a slot is position & (capacity - 1)
 *   ... ─────┴────────┴──────┴──────┴───── ...
 *            ▲ head                 ▲ tail
 * ```
 */
export class ExpectationQueue {
  #kinds: Expectation[] = FIRST_KINDS.slice();
  #owners: (Account | null)[] = FIRST_ENTRIES.slice();
  #aftermaths: (Aftermath | null)[] = FIRST_ENTRIES.slice();
  #head = 0;
  #tail = 0;
  #swallowed = 0;

  get empty(): boolean {
    return this.#head === this.#tail;
  }

  get length(): number {
    return this.#tail - this.#head;
  }

  /** Entries that the server will answer. */
  get owed(): number {
    return this.length - this.#swallowed;
  }

  /** Position that the next entry will have. */
  get tail(): number {
    return this.#tail;
  }

  get head(): number {
    return this.#head;
  }

  /** @param owner whose account the reply feeds */
  push(kind: Expectation, owner: Account, aftermath: Aftermath | null = null): void {
    if (this.length === this.#kinds.length) this.#grow();
    const slot = this.#slot(this.#tail);
    this.#kinds[slot] = kind;
    this.#owners[slot] = owner;
    this.#aftermaths[slot] = aftermath;
    this.#tail += 1;
  }

  /** Kind of the entry at a position between head and tail. */
  kindAt(position: number): Expectation {
    return this.#kinds[this.#slot(position)]!;
  }

  ownerAt(position: number): Account {
    return this.#owners[this.#slot(position)]!;
  }

  aftermathAt(position: number): Aftermath | null {
    return this.#aftermaths[this.#slot(position)]!;
  }

  /** Marks the entry at a position behind the head as one that the server will not answer. */
  swallow(position: number): void {
    this.#kinds[this.#slot(position)] = Expectation.Swallowed;
    this.#swallowed += 1;
  }

  /** Removes the head, and the swallowed entries behind it: the head is always one that will be answered. */
  shift(): void {
    this.#drop();
    while (this.#head !== this.#tail && this.kindAt(this.#head) === Expectation.Swallowed) {
      this.#drop();
      this.#swallowed -= 1;
    }
  }

  #drop(): void {
    const slot = this.#slot(this.#head);
    this.#owners[slot] = null;
    this.#aftermaths[slot] = null;
    this.#head += 1;
  }

  #slot(position: number): number {
    return position & (this.#kinds.length - 1);
  }

  #grow(): void {
    const length = this.length;
    const rotate = <T>(items: T[], filler: T): T[] => {
      const larger: T[] = Array.from({ length: items.length * 2 }, () => filler);
      for (let i = 0; i < length; i += 1) {
        const position = this.#head + i;
        larger[position & (larger.length - 1)] = items[position & (items.length - 1)]!;
      }
      return larger;
    };
    this.#owners = rotate(this.#owners, null);
    this.#aftermaths = rotate(this.#aftermaths, null);
    this.#kinds = rotate(this.#kinds, Expectation.Sync);
  }
}
