import type net from 'node:net';
import { StatementStatistics } from '../account/statistics.ts';
import { SessionSums } from '../collector/session_sums.ts';
import { type Figures, type ReportExtent, takeFigures } from '../report/figures.ts';
import { SteadyClock } from '../report/steady_clock.ts';
import type { Steps } from '../report/steps.ts';
import { type Address, formatAddress } from '../relay/address.ts';
import type { DialError } from '../relay/dial.ts';
import { Leg } from '../relay/leg.ts';
import { adoptSocket } from '../relay/read_buffer.ts';
import type { Cancel, CancelTarget } from '../session/cancel.ts';
import { CancelLedger } from '../session/cancel_ledger.ts';
import type { Violation } from '../session/direction.ts';
import type { Endpoint } from '../session/leg_totals.ts';
import { Quota } from '../session/quota.ts';
import { type Entrance, Session, type SessionLimits, type SessionObserver } from '../session/session.ts';
import type { Statement } from '../session/statement.ts';
import { StatementBudget } from '../session/statement_budget.ts';
import { fatalError } from '../wire/encode.ts';
import { SessionArchive } from './archive.ts';
import { forwardCancel } from './cancel.ts';
import { Connection, type ConnectionOwner } from './connection.ts';
import type { ControlPlane, Delivery, FoundElsewhere, FoundSession, SoughtSession } from './control.ts';
import type { Counts } from './counts.ts';
import type { Door } from './doors.ts';
import { violationText } from './ending.ts';
import { HangWatch } from './hang_watch.ts';
import type { CancelRequest } from './negotiation.ts';
import type { ProxyOptions } from './options.ts';
import { SeldomLog } from './seldom.ts';
import { SQLSTATE } from './sqlstate.ts';

/** Cancel requests kept for the report, by each thread. */
const MAX_CANCELS_KEPT = 1000;

/** Pairs of a database and a user whose sessions are added up apart, by each thread. */
const MAX_SUMS = 1000;

/** What a flood could repeat, and the log must not. */
type Flood =
  'connections' | 'silence' | 'cancels' | 'accept' | 'junk' | 'headers' | 'violations' | `to ${string}`;

/** Which of all relay threads a data plane is. */
export interface ThreadPlace {
  readonly counts: Counts;
  readonly threads: number;
}

/** An open session and the statement that it was answering as a cancel request came. */
interface Hit {
  readonly session: Session;
  readonly statement: Statement | null;
  readonly cancel: Cancel;
}

/**
 * What moves and books bytes in one thread: its connections, their sessions, and the figures of those that have ended.
 * All else it asks of the {@link ControlPlane}.
 */
export class DataPlane implements SessionObserver, ConnectionOwner {
  readonly #options: ProxyOptions;
  readonly #control: ControlPlane;
  readonly #counts: Counts;
  readonly #clock = new SteadyClock();
  readonly #connections = new Set<Connection>();
  readonly #archive: SessionArchive;
  readonly #sums = new SessionSums(MAX_SUMS);
  readonly #limits: SessionLimits;
  readonly #statistics: StatementStatistics;
  readonly #cancels = new CancelLedger(MAX_CANCELS_KEPT);
  readonly #hangs: HangWatch;
  /** Give up the cancel requests that are under way. */
  readonly #cancelsUnderWay = new Set<(reason: string) => void>();
  /** Cancel requests for sessions of this thread that another thread delivers, by number. */
  readonly #deliveredElsewhere = new Map<number, Hit>();
  #numbered = 0;
  /** Clients that were one too many and have not closed yet. */
  readonly #turnedAway = new Set<Connection>();
  /** Connections whose client has not said yet what it wants, the oldest first. */
  readonly #silent = new Set<Connection>();
  readonly #refused = { connections: 0, cancels: 0 };
  readonly #seldom: SeldomLog<Flood>;

  constructor(options: ProxyOptions, { counts, threads }: ThreadPlace, control: ControlPlane) {
    this.#options = options;
    this.#control = control;
    this.#counts = counts;
    const statements = new Quota(options.maxStatementsInAll, counts.holdings('statements'), threads);
    this.#limits = { ...options, statementBudget: new StatementBudget(statements) };
    this.#archive = new SessionArchive(
      new Quota(options.maxSessionsKept, counts.holdings('archived'), threads),
    );
    this.#statistics = new StatementStatistics(options, this.#clock.now());
    this.#seldom = new SeldomLog(options.log);
    this.#hangs = new HangWatch(options, control.diagnose, this.#cancels, this.#clock);
  }

  /** Sessions that have not ended. */
  get openSessions(): number {
    return this.#connections.size;
  }

  /** The sessions that a report would list. */
  *sessions(): Generator<Session> {
    yield* this.#archive.list();
    for (const { session } of this.#connections) yield session;
  }

  /** A client has connected. */
  accept(socket: net.Socket, { address, options, balancers, entrance }: Door): void {
    if (!this.#makeRoom()) {
      socket.on('error', () => undefined);
      socket.end(fatalError(SQLSTATE.tooManyConnections, this.#tooMany()));
      socket.destroySoon();
      return;
    }
    // Without a sign: the ids of four thousand million sessions.
    const id = this.#counts.add('begun', 1) >>> 0;
    const now = this.#clock.now();
    const session = new Session(id, clientEndpoint(socket, address), this.#limits, this, now);
    session.entrance = entrance;
    session.accounting = this.#options.accounting;
    const open = (listener: ConstructorParameters<typeof Leg>[2]): Leg =>
      new Leg((onRead) => adoptSocket(socket, onRead), session.wire.client, listener);
    const fromBalancer = balancers.has(socket.remoteAddress, 'path' in address);
    const connection = new Connection(session, open, options, this, fromBalancer);
    this.#connections.add(connection);
    this.#silent.add(connection);
    this.#counts.add('connections', 1);
    this.#counts.add('silent', 1);
  }

  notAccepted(error: Error): void {
    this.#warn('accept', `a connection could not be taken: ${error.message}`);
  }

  /** The figures as they stand, in steps between which sessions may go on. */
  *figures(extent: ReportExtent): Steps<Figures> {
    const ended = this.#archive.list();
    const open = [...this.#connections].map(({ session }) => session);
    const sums = this.#sums.copy();
    const figures = yield* takeFigures(
      {
        clock: this.#clock,
        sessions: [...ended, ...open],
        droppedSessions: this.#archive.dropped,
        statistics: this.#statistics,
        texts: this.#options.queryText,
        cancels: this.#cancels,
        refused: this.#refused,
      },
      extent,
    );
    const counted = figures.sessions.slice(ended.length).filter((session) => !session.console);
    return { ...figures, databases: yield* sums.records(counted) };
  }

  /** A cancel request has come to another thread: is it for a session of this one? */
  find({ processId, key, origin, requestedAt }: SoughtSession): FoundSession | null {
    const found = this.#whose({ processId, key: Buffer.from(key) }, origin.entrance);
    if (found === null) return null;
    if (found.endedAt !== null) return { kind: 'ended', session: found.id };
    this.#numbered += 1;
    this.#deliveredElsewhere.set(this.#numbered, this.#hit(found, origin, requestedAt));
    return { kind: 'open', request: this.#numbered };
  }

  /** Another thread has delivered a cancel request that {@link find} has numbered, or could not. */
  delivered(request: number, { deliveredAt, error }: Delivery): void {
    const hit = this.#deliveredElsewhere.get(request);
    if (hit === undefined) return;
    this.#deliveredElsewhere.delete(request);
    hit.cancel.deliveredAt = deliveredAt;
    hit.cancel.error = error;
    this.#watch(hit);
  }

  /** Cuts off the client that has been silent for longest. @returns whether there was one */
  cutOffSilent(): boolean {
    const [oldest] = this.#silent;
    if (oldest === undefined) return false;
    const message = 'it had not said what it wants when there were too many such clients';
    this.#spoke(oldest);
    this.#refused.connections += 1;
    this.#warn('silence', `a client was cut off: ${message} (--max-connections, ulimit -n)`);
    oldest.cutOff(message);
    return true;
  }

  /** Ends the sessions that are between two statements, outside of a transaction, and clients that have none. */
  endThoseAtRest(): void {
    for (const connection of this.#connections) connection.retire();
  }

  /** Ends all sessions; their last figures can be taken then. */
  end(): void {
    for (const giveUp of this.#cancelsUnderWay) giveUp('pgnetflow stopped');
    this.#hangs.stop();
    for (const connection of this.#connections) {
      // First, for it is in the report.
      connection.sayGoodbye();
      connection.session.end('shutdown', this.#clock.now());
    }
  }

  /** The program has failed: ends the sessions without touching their connections. */
  abort(detail: string): void {
    for (const { session } of this.#connections) session.end('aborted', this.#clock.now(), detail);
  }

  /** Breaks all connections. */
  close(): void {
    for (const connection of this.#connections) connection.stop();
    for (const connection of this.#turnedAway) connection.stop();
    this.#connections.clear();
    this.#silent.clear();
    this.#turnedAway.clear();
  }

  // ------------------------------------------------------- events of the layers below

  statementFinished(session: Session, statement: Statement): void {
    // First, for it gives the statement its fingerprint.
    this.#statistics.record(statement);
    this.#cancels.statementFinished(session, statement);
    this.#hangs.statementFinished(statement);
    this.#options.onStatement?.(session, statement);
  }

  protocolViolated(session: Session, violation: Violation): void {
    this.#warn(
      'violations',
      `session ${session.id}: ${violationText(violation)}; the session is relayed unread from here on`,
      { session: session.id, ...violation },
    );
  }

  admit(connection: Connection): string | null {
    this.#spoke(connection);
    if (this.#counts.take('admitted', this.#options.maxConnections)) return null;
    this.#connections.delete(connection);
    this.#turnedAway.add(connection);
    return this.#tooMany();
  }

  notUnderstood({ session }: Connection, reason: string): void {
    const { address } = session.client;
    this.#warn('junk', `${address}: ${reason}`, { session: session.id });
  }

  notIntroduced(reason: string): void {
    this.#warn('headers', reason);
  }

  unreachable({ session, options }: Connection, error: DialError): void {
    this.#warn(`to ${formatAddress(options.upstream)}`, error.message, {
      session: session.id,
      code: error.code,
    });
  }

  cancelRequested(connection: Connection, request: CancelRequest): void {
    const { client, via, entrance } = connection.session;
    const origin = { client, via, entrance };
    const requestedAt = this.#clock.now();
    if (this.#connections.delete(connection)) this.#counts.add('connections', -1);
    this.#spoke(connection);
    const found = this.#whose(request, entrance);
    const { others } = this.#control;
    if (found !== null && found.endedAt === null) {
      const hit = this.#hit(found, origin, requestedAt);
      this.#forward(connection, request, hit.cancel, () => this.#watch(hit));
    } else if (found !== null || others === null) {
      const target: CancelTarget = found === null ? { kind: 'nobody' } : { kind: 'ended', session: found.id };
      const cancel = this.#cancels.enter(origin, target, requestedAt);
      this.#forward(connection, request, cancel, () => undefined);
    } else {
      const { processId, key } = request;
      connection.park();
      others.find({ processId, key, origin, requestedAt }, (where) =>
        this.#forwardTo(where, connection, request, requestedAt),
      );
    }
  }

  ended(connection: Connection): void {
    this.#spoke(connection);
    if (this.#turnedAway.delete(connection)) {
      this.#counts.add('connections', -1);
      return;
    }
    if (!this.#connections.delete(connection)) return;
    this.#counts.add('connections', -1);
    const { session } = connection;
    if (session.startup !== null || session.passthrough) this.#counts.add('admitted', -1);
    if (!session.isConsole) this.#sums.ended(session);
    this.#archive.add(session);
  }

  // -------------------------------------------------------------------------- private

  /** Of clients that say nothing the oldest makes room for one that may have something to say, such as a cancel request. */
  #makeRoom(): boolean {
    const { maxConnections, reserve } = this.#options;
    const held = this.#counts.all('connections');
    if (held < maxConnections + reserve || this.cutOffSilent()) return true;
    const { others } = this.#control;
    // It takes them a moment.
    if (others === null || this.#counts.all('silent') === 0 || held >= maxConnections + 2 * reserve)
      return false;
    others.makeRoom();
    return true;
  }

  #spoke(connection: Connection): void {
    if (this.#silent.delete(connection)) this.#counts.add('silent', -1);
  }

  #tooMany(): string {
    const message = `sorry, too many clients already: pgnetflow takes ${this.#options.maxConnections} connections (--max-connections, ulimit -n)`;
    this.#refused.connections += 1;
    this.#warn('connections', message);
    return message;
  }

  #warn(about: Flood, message: string, details: object = {}): void {
    this.#seldom.warn(about, message, this.#clock.now(), details);
  }

  /** Two servers may give out the same key. */
  #whose(
    { processId, key }: Pick<CancelRequest, 'processId' | 'key'>,
    through: Entrance | null,
  ): Session | null {
    const isMeant = ({ facts: { backendKey }, entrance }: Session): boolean =>
      backendKey?.processId === processId &&
      backendKey.key.equals(key) &&
      entrance?.upstream === through?.upstream;
    for (const { session } of this.#connections) if (isMeant(session)) return session;
    return this.#archive.find(isMeant);
  }

  #hit(session: Session, origin: SoughtSession['origin'], requestedAt: number): Hit {
    const statement = session.answering;
    const target: CancelTarget = { kind: 'open', session: session.id, statement };
    return { session, statement, cancel: this.#cancels.enter(origin, target, requestedAt) };
  }

  /** A request for a session that is not in this thread. */
  #forwardTo(
    where: FoundElsewhere | null,
    connection: Connection,
    request: CancelRequest,
    requestedAt: number,
  ): void {
    if (where?.kind === 'open') {
      const delivery = { deliveredAt: null, error: null };
      this.#forward(connection, request, delivery, () => where.delivered(delivery));
      return;
    }
    const cancel = this.#cancels.enter(connection.session, where ?? { kind: 'nobody' }, requestedAt);
    this.#forward(connection, request, cancel, () => undefined);
  }

  #forward(
    connection: Connection,
    request: CancelRequest,
    delivery: { -readonly [Name in keyof Delivery]: Delivery[Name] },
    done: () => void,
  ): void {
    if (!this.#counts.take('cancels', this.#options.maxCancels)) {
      delivery.error = `${this.#options.maxCancels} cancel requests were under way, which is the limit (--max-cancels)`;
      this.#refused.cancels += 1;
      this.#warn('cancels', `cancel request: ${delivery.error}`);
      connection.dismiss();
      done();
      return;
    }
    const giveUp = forwardCancel(connection, request, delivery, () => {
      this.#cancelsUnderWay.delete(giveUp);
      this.#counts.add('cancels', -1);
      if (delivery.error !== null) this.#warn('cancels', `cancel request: ${delivery.error}`);
      done();
    });
    this.#cancelsUnderWay.add(giveUp);
  }

  /** Its request was delivered, or could not be. */
  #watch({ session, statement, cancel }: Hit): void {
    if (statement !== null && cancel.error === null) this.#hangs.watch(session, statement, cancel);
  }
}

function clientEndpoint(socket: net.Socket, listening: Address): Endpoint {
  if ('path' in listening) return { address: formatAddress(listening), port: 0 };
  return { address: socket.remoteAddress ?? 'unknown', port: socket.remotePort ?? 0 };
}
