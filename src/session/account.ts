/**
 * The figures of one direction.
 *
 * `reads` and `writes` are socket operations that moved more than 0 bytes. Direction R: read from the client,
 * written to the server; direction S: read from the server, written to the client. Times are milliseconds of the
 * session's clock, 0 while nothing has moved.
 */
export class Flow {
  bytes = 0;
  messages = 0;
  reads = 0;
  writes = 0;
  firstAt = 0;
  lastAt = 0;
  /** Offsets in the direction's protocol stream of the bytes booked last without others between: `[from, to)`. */
  from = 0;
  to = 0;

  add(other: Flow): void {
    this.bytes += other.bytes;
    this.messages += other.messages;
    this.reads += other.reads;
    this.writes += other.writes;
    if (other.firstAt === 0) return;
    if (this.firstAt === 0 || other.firstAt < this.firstAt) this.firstAt = other.firstAt;
    if (other.lastAt > this.lastAt) this.lastAt = other.lastAt;
  }
}

/** Where a byte is booked, in either direction: R received by the server, S sent by the server. */
export class Account {
  readonly R = new Flow();
  readonly S = new Flow();
  /** Round trips that began with it: the client had the turn, sent what this asks for, and waited. */
  roundtrips = 0;
  /** Entries of the expectation queue that point here. */
  owed = 0;
  /** Its figures have been handed out as final; nothing may be booked here any more. */
  closed = false;

  add(other: Account): void {
    this.R.add(other.R);
    this.S.add(other.S);
    this.roundtrips += other.roundtrips;
  }

  /** Bytes of others stand between those booked so far and those that follow. */
  interrupted(_flow: Flow): void {
    // Only statements remember where their bytes stand.
  }
}

/** The accounts of a session that are no statement; each is made when there is something to book. */
export class FixedAccounts {
  /** Authentication and parameters, from the StartupMessage until the first ReadyForQuery. */
  readonly startup = new Account();
  #async: Account | null = null;
  #control: Account | null = null;
  #opaque: Account | null = null;

  /** What the server sends unasked: notices, notifications, parameter changes, errors outside a statement. */
  get async(): Account {
    return (this.#async ??= new Account());
  }

  /** Sync, Flush, Close, Terminate and their replies that belong to no statement. */
  get control(): Account {
    return (this.#control ??= new Account());
  }

  /** Relayed but not understood. */
  get opaque(): Account {
    return (this.#opaque ??= new Account());
  }

  /** Adds all of them to an account. */
  addTo(sum: Account): void {
    sum.add(this.startup);
    for (const account of [this.#async, this.#control, this.#opaque]) if (account !== null) sum.add(account);
  }
}
