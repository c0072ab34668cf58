import type { SessionRecord, SessionSumRecord } from '../report/model.ts';
import { flowRecord, microseconds, sessionIdentity } from '../report/session_record.ts';
import { sumOf, SumsByName } from '../report/session_sums.ts';
import type { Steps } from '../report/steps.ts';
import type { Session } from '../session/session.ts';

/**
 * What all sessions have moved, by database and user, whether or not the sessions themselves are kept.
 *
 * **Law**: the figures of all rows add up to those of all sessions. Of more pairs than the limit, the later ones are added up.
 */
export class SessionSums {
  readonly #ended: SumsByName;

  constructor(limit: number | SumsByName) {
    this.#ended = typeof limit === 'number' ? new SumsByName(limit) : limit;
  }

  /** Enters a session that has ended. */
  ended(session: Session): void {
    const { flows, waits, facts } = session;
    const { database, user } = sessionIdentity(session);
    this.#ended.add(
      sumOf({
        database,
        user,
        ended_at: '',
        statement_count: session.statementCount,
        transactions: facts.transactions,
        roundtrips: session.roundtrips,
        R: flowRecord(flows.R),
        S: flowRecord(flows.S),
        time: {
          active_us: microseconds(waits.activeMs(session.endedAt ?? session.startedAt)),
          idle_us: microseconds(waits.idleMs),
          idle_in_transaction_us: microseconds(waits.idleInTransactionMs),
          client_stall_us: microseconds(waits.clientStallMs),
          server_stall_us: microseconds(waits.serverStallMs),
        },
      }),
    );
  }

  /** As they are now: sessions that end afterwards do not change them. */
  copy(): SessionSums {
    return new SessionSums(this.#ended.copy());
  }

  /** The sums with those of the sessions that are open; the largest by bytes first, and last what was added up. */
  *records(open: Iterable<SessionRecord>): Steps<SessionSumRecord[]> {
    const all = this.#ended.copy();
    for (const session of open) {
      all.add(sumOf(session));
      yield;
    }
    return all.list();
  }
}
