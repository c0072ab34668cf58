import { Flow } from '../session/account.ts';
import { isBalanced } from '../session/balance.ts';
import { Largest } from '../session/largest.ts';
import type { Quota } from '../session/quota.ts';
import type { Session } from '../session/session.ts';

/** Keeps the ended sessions that moved most bytes; the others are added up, so that totals still add up. */
export class SessionArchive {
  readonly #largest: Largest<Session>;
  readonly #quota: Quota;
  /** Sum of the sessions that are not kept. */
  readonly dropped = { sessions: 0, unbalanced: 0, statements: 0, R: new Flow(), S: new Flow() };

  constructor(quota: Quota) {
    this.#largest = new Largest(Number.POSITIVE_INFINITY, ({ protocolBytes: { R, S } }) => R + S);
    this.#quota = quota;
  }

  add(session: Session): void {
    this.#largest.add(session);
    this.#quota.add(1);
    while (this.#quota.isExceeded) {
      this.#drop(this.#largest.removeLeast()!);
      this.#quota.add(-1);
    }
  }

  list(): readonly Session[] {
    return this.#largest.list();
  }

  /** One of the kept sessions that is what is looked for. */
  find(matches: (session: Session) => boolean): Session | null {
    return this.#largest.find(matches);
  }

  #drop(session: Session): void {
    const { dropped } = this;
    const { R, S } = session.flows;
    dropped.sessions += 1;
    if (!isBalanced(session)) dropped.unbalanced += 1;
    dropped.statements += session.statementCount;
    session.forget();
    dropped.R.add(R);
    dropped.S.add(S);
  }
}
