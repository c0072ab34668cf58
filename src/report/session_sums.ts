import type { FlowRecord, SessionRecord, SessionSumRecord } from './model.ts';

/** What a session adds to the sums. */
export type Summand = Pick<
  SessionRecord,
  'database' | 'user' | 'ended_at' | 'statement_count' | 'transactions' | 'roundtrips' | 'R' | 'S' | 'time'
>;

/** The sum of one session. */
export function sumOf(session: Omit<Summand, 'time'> & { time: SessionSumRecord['time'] }): SessionSumRecord {
  const { time } = session;
  return {
    database: session.database,
    user: session.user,
    sessions: 1,
    open: session.ended_at === null ? 1 : 0,
    statements: session.statement_count,
    transactions: session.transactions,
    roundtrips: session.roundtrips,
    R: session.R,
    S: session.S,
    time: {
      active_us: time.active_us,
      idle_us: time.idle_us,
      idle_in_transaction_us: time.idle_in_transaction_us,
      client_stall_us: time.client_stall_us,
      server_stall_us: time.server_stall_us,
    },
  };
}

/** Sums by database and user; of more pairs than the limit, the later ones are added up. */
export class SumsByName {
  readonly #limit: number;
  readonly #named: Map<string, SessionSumRecord>;
  #other: SessionSumRecord | null;

  constructor(limit: number, from: SumsByName | null = null) {
    this.#limit = limit;
    // What is in it is never changed, but exchanged.
    this.#named = new Map(from === null ? [] : from.#named);
    this.#other = from === null ? null : from.#other;
  }

  copy(): SumsByName {
    return new SumsByName(this.#limit, this);
  }

  add(sum: SessionSumRecord): void {
    // Neither can hold a zero byte.
    const name = `${sum.database ?? '\0'}\0${sum.user ?? '\0'}`;
    const known = this.#named.get(name);
    if (known !== undefined) this.#named.set(name, added(known, sum));
    else if (this.#named.size < this.#limit) this.#named.set(name, sum);
    else if (this.#other === null) this.#other = { ...sum, database: null, user: null };
    else this.#other = added(this.#other, sum);
  }

  /** The largest by bytes first; last what was added up. */
  list(): SessionSumRecord[] {
    const named = [...this.#named.values()].toSorted((a, b) => bytesOf(b) - bytesOf(a));
    return this.#other === null ? named : [...named, this.#other];
  }
}

function bytesOf({ R, S }: SessionSumRecord): number {
  return R.bytes + S.bytes;
}

/** The names are those of the first. */
function added(a: SessionSumRecord, b: SessionSumRecord): SessionSumRecord {
  return {
    database: a.database,
    user: a.user,
    sessions: a.sessions + b.sessions,
    open: a.open + b.open,
    statements: a.statements + b.statements,
    transactions: a.transactions + b.transactions,
    roundtrips: a.roundtrips + b.roundtrips,
    R: addedFlows(a.R, b.R),
    S: addedFlows(a.S, b.S),
    time: {
      active_us: a.time.active_us + b.time.active_us,
      idle_us: a.time.idle_us + b.time.idle_us,
      idle_in_transaction_us: a.time.idle_in_transaction_us + b.time.idle_in_transaction_us,
      client_stall_us: a.time.client_stall_us + b.time.client_stall_us,
      server_stall_us: a.time.server_stall_us + b.time.server_stall_us,
    },
  };
}

export function addedFlows(a: FlowRecord, b: FlowRecord): FlowRecord {
  return {
    bytes: a.bytes + b.bytes,
    messages: a.messages + b.messages,
    reads: a.reads + b.reads,
    writes: a.writes + b.writes,
  };
}
