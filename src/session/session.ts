import { encodingOf } from '../wire/encodings.ts';
import type { StartupPacket } from '../wire/startup_packet.ts';
import { Account, type FixedAccounts, type Flow } from './account.ts';
import { Conversation } from './conversation.ts';
import type { Violation } from './direction.ts';
import { Expectation } from './expectation_queue.ts';
import { KeptStatements } from './kept_statements.ts';
import { type Endpoint, noTraffic } from './leg_totals.ts';
import { Replies, type ServerFacts } from './replies.ts';
import { Requests } from './requests.ts';
import { Statement } from './statement.ts';
import type { StatementBudget } from './statement_budget.ts';
import { TlsPlaces } from './tls_places.ts';
import { Waits } from './waits.ts';

/** `off`: what passes is relayed unread and is `opaque`, so that there are no statements. */
export type Accounting = 'on' | 'off';

/**
 * Why a session ended. `terminate`: the client said so. `client_closed`, `server_closed`: without that, while nothing
 * was owed, or during the log-in. `login_failed`: the server answered the log-in with an error, whoever closed then.
 * `aborted`: a connection was reset, or closed in the middle of a statement, or what came was no longer the protocol then.
 * `refused`: it never reached the server. `shutdown`: pgnetflow stopped.
 */
export type EndReason =
  'terminate' | 'client_closed' | 'server_closed' | 'login_failed' | 'aborted' | 'refused' | 'shutdown';

export interface SessionObserver {
  /** A statement's figures are final. */
  statementFinished(session: Session, statement: Statement): void;
  /** From here on the session is relayed unread. */
  protocolViolated(session: Session, violation: Violation): void;
}

export interface SessionLimits {
  /** Bytes of a query's text that are kept. */
  readonly maxQueryBytes: number;
  /** Statements kept per session. */
  readonly maxStatementsKept: number;
  /** Bounds the statements that all sessions together keep; none unless given. */
  readonly statementBudget?: StatementBudget;
}

/** What a session does, in the words of pg_stat_activity. */
export interface Activity {
  readonly state: 'starting' | 'active' | 'idle' | 'idle in transaction' | 'idle in transaction (aborted)';
  /**
   * Whom it waits for: to read from the client (its next message) or from the server (its answer), or to write to one
   * of them, which does not take what the other has sent.
   */
  readonly waitEvent: 'ClientRead' | 'ClientWrite' | 'ServerRead' | 'ServerWrite';
  /** Null outside of a transaction. */
  readonly transactionStartedAt: number | null;
  readonly changedAt: number;
}

const IDLE = { I: 'idle', T: 'idle in transaction', E: 'idle in transaction (aborted)' } as const;

type StartupMessage = Extract<StartupPacket, { kind: 'startup_message' }>;

/** The door through which a client came, and the server behind it, as the user wrote them. */
export interface Entrance {
  /** Where the client connected to; port 0 is resolved. */
  readonly listener: string;
  readonly upstream: string;
}

/**
 * The books of one session: one client connection and the server connection opened for it.
 *
 * Does no I/O: whoever relays tells it what was read (`fromClient`, `fromServer`), when that was written
 * (`wroteToServer`, `wroteToClient`), and when the kernel had taken all of it (`handedToServer`, `handedToClient`).
 * Times are milliseconds of one steady clock.
 */
export class Session {
  readonly id: number;
  /** As a balancer tells it, if there is one between. */
  client: Endpoint;
  /** The balancer on whose connection the client came; null without. */
  via: Endpoint | null = null;
  /** Null for a session that came through no listener. */
  entrance: Entrance | null = null;
  readonly startedAt: number;
  server: Endpoint | null = null;
  startup: Omit<StartupMessage, 'packet'> | null = null;
  endedAt: number | null = null;
  endReason: EndReason | null = null;
  /** One sentence more about the end, such as the error that was met. */
  endDetail: string | null = null;
  violation: Violation | null = null;
  /** The two sides speak TLS with each other through us: nothing can be read. */
  passthrough = false;
  /** Whether what passes is read; to be set before the session starts. */
  accounting: Accounting = 'on';
  readonly wire = { client: noTraffic(), server: noTraffic() };
  /** Bytes read from one side that the other has not taken yet, or never will, for it has gone. */
  readonly undelivered = { R: 0, S: 0 };
  readonly waits: Waits;
  /** It is a session of the console, which pgnetflow itself speaks in: all of its bytes are own bytes. */
  isConsole = false;
  /** When the turn changed: the client spoke, or had been answered. */
  turnedAt: number;

  readonly #observer: SessionObserver;
  readonly #conversation = new Conversation();
  readonly #requests: Requests;
  readonly #replies: Replies;
  readonly #kept: KeptStatements;
  #unread = false;
  /** The client has sent what must be answered, and has not been answered yet. */
  #isServersTurn = false;
  #transactionStartedAt = 0;
  readonly #tlsPlaces = new TlsPlaces();

  constructor(id: number, client: Endpoint, limits: SessionLimits, observer: SessionObserver, now: number) {
    this.id = id;
    this.client = client;
    this.startedAt = now;
    this.turnedAt = now;
    this.#observer = observer;
    this.#kept = new KeptStatements(limits.maxStatementsKept, limits.statementBudget);
    const onViolation = (violation: Violation): void => this.#violated(violation);
    this.#requests = new Requests(this.#conversation, limits.maxQueryBytes, onViolation);
    this.#replies = new Replies(this.#conversation, onViolation);
    this.waits = new Waits(this.#conversation, this.#requests, this.#replies, now);
  }

  // ------------------------------------------------------------------ relaying

  /**
   * The StartupMessage was read, in so many reads; all that follows is typed.
   *
   * @param rest what the last of these reads brought besides
   */
  start(message: StartupMessage, reads: number, rest: Buffer, now: number): void {
    const { accounts } = this.#conversation;
    this.#conversation.now = now;
    this.waits.clientSpoke(now);
    this.waits.idleEnded();
    const { kind, protocolMajor, protocolMinor, parameters } = message;
    const encoding = parameters.get('client_encoding');
    if (encoding !== undefined) this.#conversation.encoding = encodingOf(encoding);
    // The packet itself has been read.
    this.startup = { kind, protocolMajor, protocolMinor, parameters };
    if (this.accounting === 'off') {
      this.#requests.untyped(accounts.opaque, message.packet.length, reads);
    } else {
      this.#conversation.expect(Expectation.Startup, accounts.startup);
      this.#roundTripBegan(now);
      this.#requests.untyped(accounts.startup, message.packet.length, reads);
    }
    if (this.accounting === 'off' || message.protocolMajor !== 3) this.#turnOpaque();
    if (rest.length > 0) this.#requests.scan(rest, 0, rest.length, 0);
  }

  /** The two sides are to speak TLS with each other: all that passes is opaque, beginning with these bytes. */
  startPassthrough(first: Buffer, now: number): void {
    this.#conversation.now = now;
    this.waits.clientSpoke(now);
    this.waits.idleEnded();
    this.passthrough = true;
    this.#turnOpaque();
    this.#requests.scan(first, 0, first.length);
  }

  fromClient(buffer: Buffer, from: number, to: number, now: number): void {
    const conversation = this.#conversation;
    conversation.now = now;
    this.waits.clientSpoke(now);
    this.#requests.scan(buffer, from, to);
    if (conversation.queue.empty) return;
    this.waits.idleEnded();
    if (!this.#isServersTurn) this.#roundTripBegan(now);
  }

  wroteToServer(): void {
    this.#requests.wrote();
  }

  handedToServer(now: number): void {
    this.#closeAll(this.#requests.handedOn(), now);
    if (this.#conversation.awaitsCopyData && this.#replies.allHandedOn && !this.#unread)
      this.waits.idleBegan(now);
  }

  fromServer(buffer: Buffer, from: number, to: number, now: number): void {
    this.#conversation.now = now;
    this.#replies.scan(buffer, from, to);
  }

  wroteToClient(): void {
    this.#replies.wrote();
  }

  handedToClient(now: number): void {
    const finished = this.#replies.handedOn();
    const { wire } = this;
    const conversation = this.#conversation;
    const owesNothing = conversation.queue.empty;
    if ((wire.server.tls !== null || wire.client.tls !== null) && owesNothing) {
      this.#tlsPlaces.rested(this.#requests.position, this.#replies.position, wire, finished[0]);
    }
    if (owesNothing && this.#isServersTurn) {
      this.#isServersTurn = false;
      this.turnedAt = now;
    }
    this.#closeAll(finished, now);
    const isClientsTurn = owesNothing || (conversation.awaitsCopyData && this.#requests.allHandedOn);
    if (isClientsTurn && !this.#unread) this.waits.idleBegan(now);
  }

  /** With accounting off: one read from the client, one from the server. */
  unreadFromClient(bytes: number): void {
    this.#requests.relayUnread(bytes);
  }

  unreadFromServer(bytes: number): void {
    this.#replies.relayUnread(bytes);
  }

  /** Both connections are gone; what is still open is booked as `aborted`, or stays `open` at a shutdown. */
  end(reason: EndReason, now: number, detail: string | null = null): void {
    if (this.endedAt !== null) return;
    const conversation = this.#conversation;
    conversation.now = now;
    const cutOff = this.#cutOff;
    const { allAnswered } = conversation;
    this.#turnOpaque();
    this.waits.end(now);
    this.endedAt = now;
    this.endReason = cutOff && reason !== 'shutdown' && reason !== 'refused' ? 'aborted' : reason;
    this.endDetail = detail;
    this.#closeAll(this.#requests.handedOn(), now);
    this.#closeAll(this.#replies.handedOn(), now);
    for (const statement of [...conversation.open()].toReversed()) {
      if ((statement.owed === 0 || allAnswered) && !statement.copyInOpen) settled(statement);
      else if (reason !== 'shutdown') statement.abort();
      statement.endedAt = now;
      this.#close(statement);
    }
  }

  // ------------------------------------------------------------------- reading

  get facts(): ServerFacts {
    return this.#replies.facts;
  }

  get terminated(): boolean {
    return this.#requests.terminated;
  }

  /** The server owes so many answers that nothing more should be read from the client before it has given some. */
  get overdrawn(): boolean {
    return this.#conversation.queue.owed > MAX_OWED;
  }

  /** The server owes an answer, or a message is under way. */
  get busy(): boolean {
    return !this.#conversation.allAnswered || !this.#requests.atBoundary || !this.#replies.atBoundary;
  }

  /** Known to be between two messages of the server's: pgnetflow itself could say something to the client. */
  get atReplyBoundary(): boolean {
    return !this.#unread && this.#replies.atBoundary;
  }

  /**
   * Outside of a transaction, all answered and handed on: to end it now cuts nothing off. False where that cannot be known, as of a
   * session that is relayed unread.
   */
  get atRest(): boolean {
    const { undelivered, facts } = this;
    if (this.#unread || this.busy || facts.transactionStatus !== 'I') return false;
    return undelivered.R === 0 && undelivered.S === 0;
  }

  /** The first ReadyForQuery has not come yet. */
  get starting(): boolean {
    return this.#replies.facts.transactionStatus === null;
  }

  /** The client has said who it is, and the first ReadyForQuery has not come yet. */
  get loggingIn(): boolean {
    return this.startup !== null && this.starting && !this.#unread;
  }

  /** What the server has sent ends in the middle of a message. */
  get replyIncomplete(): boolean {
    return !this.#replies.atBoundary;
  }

  /** The server answered the log-in with an error. */
  get loginFailed(): boolean {
    return this.starting && this.facts.lastError !== null;
  }

  get accounts(): FixedAccounts {
    return this.#conversation.accounts;
  }

  /** Sum of all statements, open ones included. */
  get statementAccount(): Account {
    const sum = new Account();
    this.#kept.addTo(sum);
    for (const statement of this.#conversation.open()) sum.add(statement);
    return sum;
  }

  /**
   * Figures of the whole session. The bytes are those scanned; messages, reads and writes are summed over the
   * accounts.
   */
  get flows(): { readonly R: Flow; readonly S: Flow } {
    const sum = this.#sumOfAccounts;
    sum.R.bytes = this.#requests.bytes;
    sum.S.bytes = this.#replies.bytes;
    return sum;
  }

  /** Of all accounts. */
  get roundtrips(): number {
    return this.#sumOfAccounts.roundtrips;
  }

  /** Sum of all accounts and of what is {@link pendingBytes}. */
  get bookedBytes(): { readonly R: number; readonly S: number } {
    const { R, S } = this.#sumOfAccounts;
    const pending = this.pendingBytes;
    return { R: R.bytes + pending.R, S: S.bytes + pending.S };
  }

  /** Statements begun. */
  get statementCount(): number {
    return this.#conversation.statements;
  }

  /** Statements kept and open ones, in the order in which the client sent them. */
  statements(): Statement[] {
    return [...this.#kept.list(), ...this.openStatements()].toSorted((a, b) => a.seq - b.seq);
  }

  /** Those that something can still be booked to, in the order in which the client sent them. */
  openStatements(): Statement[] {
    return [...this.#conversation.open()].toReversed();
  }

  /** Nobody will ask for its statements any more. */
  forget(): void {
    this.#kept.forget();
  }

  /** What was not kept: its number, and its figures. */
  get droppedStatements(): { readonly statements: number; readonly account: Account } {
    return this.#kept.dropped;
  }

  /** The statement that the server is answering: of a pipeline the first unanswered one; null when it owes none. */
  get answering(): Statement | null {
    const { answering } = this.#conversation;
    return answering instanceof Statement ? answering : null;
  }

  /** What the session does, as a row of pg_stat_activity has it. */
  get activity(): Activity {
    const { queue } = this.#conversation;
    const { transactionStatus: status } = this.facts;
    const isIdle = !this.#unread && queue.empty;
    return {
      state: this.#unread ? 'active' : this.loggingIn ? 'starting' : isIdle ? IDLE[status ?? 'I'] : 'active',
      waitEvent:
        this.waits.stalled ?? (isIdle || this.#conversation.awaitsCopyData ? 'ClientRead' : 'ServerRead'),
      transactionStartedAt: isIdle && (status ?? 'I') === 'I' ? null : this.#transactionStartedAt || null,
      changedAt: this.turnedAt,
    };
  }

  /** Protocol bytes scanned, counted apart from the accounts. */
  get protocolBytes(): { readonly R: number; readonly S: number } {
    return { R: this.#requests.bytes, S: this.#replies.bytes };
  }

  /** Bytes of messages whose owner is not known yet: an incomplete header or name. */
  get pendingBytes(): { readonly R: number; readonly S: number } {
    return { R: this.#requests.pending, S: this.#replies.pending };
  }

  // ------------------------------------------------------------------- private

  /**
   * An end now would cut a statement off. A login that fails, or a client that asks its user for the password and
   * comes again, breaks nothing off.
   */
  get #cutOff(): boolean {
    if (this.starting) return false;
    // Behind an impossible length nobody knows what was answered: what was owed then has been cut off.
    return this.#unread ? !this.#conversation.allAnswered : this.busy;
  }

  /** The client had the turn and has sent what must be answered. A log-in is one, however many rounds it takes. */
  #roundTripBegan(now: number): void {
    const { answering } = this.#conversation;
    this.#isServersTurn = true;
    this.turnedAt = now;
    if (this.facts.transactionStatus === 'I') this.#transactionStartedAt = now;
    if (answering !== null) answering.roundtrips += 1;
  }

  get #sumOfAccounts(): Account {
    const sum = this.statementAccount;
    this.#conversation.accounts.addTo(sum);
    return sum;
  }

  #violated(violation: Violation): void {
    if (this.violation !== null) return;
    this.violation = violation;
    // Whose turn it is can no longer be told.
    this.waits.clientSpoke(this.#conversation.now);
    this.waits.idleEnded();
    this.#turnOpaque();
    this.#observer.protocolViolated(this, violation);
  }

  /** From here on the session is relayed unread. */
  #turnOpaque(): void {
    this.#unread = true;
    this.#requests.turnOpaque();
    this.#replies.turnOpaque();
  }

  /** Closes finished statements, but those of which a message has been answered or announced and not come whole. */
  #closeAll(statements: readonly Statement[], now: number): void {
    for (const statement of statements) {
      if (this.#requests.inBodyOf(statement)) {
        this.#requests.finishLater(statement);
      } else if (this.#replies.inBodyOf(statement)) {
        this.#replies.finishLater(statement);
      } else {
        statement.endedAt = now;
        this.#close(statement);
      }
    }
  }

  #close(statement: Statement): void {
    this.#conversation.close(statement);
    this.#kept.add(statement);
    this.#observer.statementFinished(this, statement);
  }
}

/** Answers owed, each some hundred bytes, beyond which a client has to wait. */
const MAX_OWED = 10_000;

function settled(statement: Statement): void {
  if (statement.outcome === 'open') statement.outcome = 'ok';
}
