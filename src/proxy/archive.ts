import { Flow } from '../session/account.ts';
import type { Session } from '../session/session.ts';

/** Keeps the ended sessions that moved most bytes; the others are added up, so that totals still add up. */
export class SessionArchive {
  readonly #limit: number;
  readonly #isBalanced: (session: Session) => boolean;
  #kept: Session[] = [];
  /** Sum of the sessions that are not kept. */
  readonly dropped = { sessions: 0, unbalanced: 0, statements: 0, R: new Flow(), S: new Flow() };

  constructor(limit: number, isBalanced: (session: Session) => boolean) {
    this.#limit = limit;
    this.#isBalanced = isBalanced;
  }

  add(session: Session): void {
    this.#kept.push(session);
    if (this.#kept.length >= 2 * this.#limit + 16) this.#shrink();
  }

  list(): readonly Session[] {
    if (this.#kept.length > this.#limit) this.#shrink();
    return this.#kept;
  }

  /** The latest of the kept sessions that is what is looked for. */
  find(matches: (session: Session) => boolean): Session | null {
    return this.#kept.findLast(matches) ?? null;
  }

  #shrink(): void {
    const bySize = this.#kept.toSorted((a, b) => bytesOf(b) - bytesOf(a) || a.id - b.id);
    for (const session of bySize.slice(this.#limit)) this.#drop(session);
    this.#kept = bySize.slice(0, this.#limit);
  }

  #drop(session: Session): void {
    const { dropped } = this;
    dropped.sessions += 1;
    if (!this.#isBalanced(session)) dropped.unbalanced += 1;
    dropped.statements += session.statementCount;
    const flows = session.flows;
    dropped.R.add(flows.R);
    dropped.S.add(flows.S);
  }
}

function bytesOf(session: Session): number {
  const { R, S } = session.protocolBytes;
  return R + S;
}
