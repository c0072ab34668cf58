import type { SessionSumRecord } from '../report/model.ts';
import { flowRecord, microseconds, sessionIdentity } from '../report/session_record.ts';
import { Flow } from '../session/account.ts';
import type { Session } from '../session/session.ts';

/** Cumulative figures of sessions. Times are milliseconds. */
class SessionSum {
  sessions = 0;
  open = 0;
  statements = 0;
  transactions = 0;
  roundtrips = 0;
  readonly R = new Flow();
  readonly S = new Flow();
  activeMs = 0;
  idleMs = 0;
  idleInTransactionMs = 0;
  clientStallMs = 0;
  serverStallMs = 0;

  add(session: Session, now: number): void {
    const { flows, waits, facts } = session;
    this.sessions += 1;
    if (session.endedAt === null) this.open += 1;
    this.statements += session.statementCount;
    this.transactions += facts.transactions;
    this.roundtrips += session.roundtrips;
    this.R.add(flows.R);
    this.S.add(flows.S);
    this.activeMs += waits.activeMs(session.endedAt ?? now);
    this.idleMs += waits.idleMs;
    this.idleInTransactionMs += waits.idleInTransactionMs;
    this.clientStallMs += waits.clientStallMs;
    this.serverStallMs += waits.serverStallMs;
  }

  addSum(other: SessionSum): void {
    this.sessions += other.sessions;
    this.open += other.open;
    this.statements += other.statements;
    this.transactions += other.transactions;
    this.roundtrips += other.roundtrips;
    this.R.add(other.R);
    this.S.add(other.S);
    this.activeMs += other.activeMs;
    this.idleMs += other.idleMs;
    this.idleInTransactionMs += other.idleInTransactionMs;
    this.clientStallMs += other.clientStallMs;
    this.serverStallMs += other.serverStallMs;
  }
}

interface Key {
  readonly database: string | null;
  readonly user: string | null;
}

interface Entry {
  readonly key: Key;
  readonly sum: SessionSum;
}

/**
 * What all sessions have moved, by database and user, whether or not the sessions themselves are kept.
 *
 * **Law**: the figures of all rows add up to those of all sessions. Of more pairs than the limit, the later ones are added up.
 */
export class SessionSums {
  readonly #limit: number;
  readonly #ended = new Map<string, Entry>();
  #other: SessionSum | null = null;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Enters a session that has ended. */
  ended(session: Session): void {
    this.#into(this.#ended, session).add(session, session.endedAt ?? session.startedAt);
  }

  /** The sums with those of the sessions that are open; the largest by bytes first, and last what was added up. */
  records(open: Iterable<Session>, now: number): SessionSumRecord[] {
    const all = new Map<string, Entry>();
    for (const [name, { key, sum }] of this.#ended) {
      const copy = new SessionSum();
      copy.addSum(sum);
      all.set(name, { key, sum: copy });
    }
    const before = this.#other;
    if (before !== null) {
      this.#other = new SessionSum();
      this.#other.addSum(before);
    }
    for (const session of open) {
      session.waits.catchUp(now);
      this.#into(all, session).add(session, now);
    }
    const other = this.#other;
    this.#other = before;
    const records = [...all.values()].map(({ key, sum }) => sumRecord(key, sum));
    records.sort((a, b) => b.R.bytes + b.S.bytes - (a.R.bytes + a.S.bytes));
    return other === null ? records : [...records, sumRecord({ database: null, user: null }, other)];
  }

  #into(entries: Map<string, Entry>, session: Session): SessionSum {
    const { database, user } = sessionIdentity(session);
    // Neither can hold a zero byte.
    const name = `${database ?? '\0'}\0${user ?? '\0'}`;
    const known = entries.get(name);
    if (known !== undefined) return known.sum;
    if (entries.size >= this.#limit) return (this.#other ??= new SessionSum());
    const entry = { key: { database, user }, sum: new SessionSum() };
    entries.set(name, entry);
    return entry.sum;
  }
}

function sumRecord({ database, user }: Key, sum: SessionSum): SessionSumRecord {
  const activeUs = microseconds(sum.activeMs);
  const idleUs = microseconds(sum.idleMs);
  return {
    database,
    user,
    sessions: sum.sessions,
    open: sum.open,
    statements: sum.statements,
    transactions: sum.transactions,
    roundtrips: sum.roundtrips,
    R: flowRecord(sum.R),
    S: flowRecord(sum.S),
    time: {
      active_us: activeUs,
      idle_us: idleUs,
      idle_in_transaction_us: microseconds(sum.idleInTransactionMs),
      client_stall_us: microseconds(sum.clientStallMs),
      server_stall_us: microseconds(sum.serverStallMs),
    },
  };
}
