import type net from 'node:net';
import { StatementStatistics } from '../account/statistics.ts';
import { type FiguresSource, LocalCollector } from '../collector/collector.ts';
import { SessionSums } from '../collector/session_sums.ts';
import { packageVersion } from '../package_version.ts';
import type { ReportRecord } from '../report/model.ts';
import { reportRecord, type ReportExtent, WHOLE } from '../report/report_record.ts';
import { SteadyClock } from '../report/steady_clock.ts';
import { type Address, formatAddress } from '../relay/address.ts';
import type { DialError } from '../relay/dial.ts';
import { Leg } from '../relay/leg.ts';
import { adoptSocket } from '../relay/read_buffer.ts';
import type { CancelTarget } from '../session/cancel.ts';
import { CancelLedger } from '../session/cancel_ledger.ts';
import type { Violation } from '../session/direction.ts';
import type { Endpoint } from '../session/leg_totals.ts';
import { type Entrance, Session, type SessionLimits, type SessionObserver } from '../session/session.ts';
import type { Statement } from '../session/statement.ts';
import { StatementBudget } from '../session/statement_budget.ts';
import { fatalError } from '../wire/encode.ts';
import { SessionArchive } from './archive.ts';
import { forwardCancel } from './cancel.ts';
import { Connection, type ConnectionOwner } from './connection.ts';
import { type Door, Doors } from './doors.ts';
import { violationText } from './ending.ts';
import { HangWatch } from './hang_watch.ts';
import type { CancelRequest } from './negotiation.ts';
import {
  LISTENER_DEFAULTS,
  type ListenerOptions,
  PROXY_DEFAULTS,
  type ProxyOptions,
  type ProxyStart,
} from './options.ts';
import { SeldomLog } from './seldom.ts';
import { SQLSTATE } from './sqlstate.ts';

/** Cancel requests kept for the report. */
const MAX_CANCELS_KEPT = 1000;

/** Pairs of a database and a user whose sessions are added up apart. */
const MAX_SUMS = 1000;

/** What a flood could repeat, and the log must not. */
type Flood =
  'connections' | 'silence' | 'cancels' | 'accept' | 'junk' | 'headers' | 'violations' | `to ${string}`;

/**
 * Starts a proxy.
 *
 * @throws {ListenError} when an address cannot be listened on; nothing is left open then
 */
export async function startProxy(start: ProxyStart): Promise<Proxy> {
  const listeners = 'listeners' in start ? start.listeners : [start];
  const proxy = new Proxy(
    { ...PROXY_DEFAULTS, ...start },
    listeners.map((listener) => ({ ...LISTENER_DEFAULTS, ...listener })),
  );
  await proxy.listen();
  return proxy;
}

/** A running proxy: its listeners, its sessions and what is to be reported about them. */
export class Proxy implements SessionObserver, ConnectionOwner, FiguresSource {
  readonly #options: ProxyOptions;
  readonly #clock = new SteadyClock();
  readonly #startedAt = this.#clock.now();
  readonly #connections = new Set<Connection>();
  readonly #archive: SessionArchive;
  readonly #sums = new SessionSums(MAX_SUMS);
  readonly #limits: SessionLimits;
  readonly #statistics: StatementStatistics;
  readonly #cancels = new CancelLedger(MAX_CANCELS_KEPT);
  readonly #hangs: HangWatch;
  /** Give up the cancel requests that are under way. */
  readonly #cancelsUnderWay = new Set<(reason: string) => void>();
  /** Clients that were one too many and have not closed yet. */
  readonly #turnedAway = new Set<Connection>();
  /** Connections whose client has not said yet what it wants, the oldest first. */
  readonly #silent = new Set<Connection>();
  /** Connections that have a session with the server, or wait for it. */
  #admitted = 0;
  readonly #refused = { connections: 0, cancels: 0 };
  readonly #seldom: SeldomLog<Flood>;
  /** Where readers get figures while it runs. */
  readonly collector = new LocalCollector(this);
  readonly #doors: Doors;
  #stopFollowing: (() => void) | null = null;
  #sessions = 0;
  #final: ReportRecord | null = null;

  constructor(options: ProxyOptions, pairs: readonly ListenerOptions[]) {
    this.#options = options;
    this.#doors = new Doors(pairs);
    this.#limits = { ...options, statementBudget: new StatementBudget(options.maxStatementsInAll) };
    this.#archive = new SessionArchive(options.maxSessionsKept);
    this.#statistics = new StatementStatistics(options, this.#startedAt);
    this.#seldom = new SeldomLog(options.log);
    this.#hangs = new HangWatch(options, this.#cancels, this.#clock);
  }

  /** Where it listens, in the order of the options; port 0 is resolved. */
  get addresses(): Address[] {
    return this.#doors.addresses;
  }

  /** Which of these addresses lead to which server. */
  get pairs(): Doors['pairs'] {
    return this.#doors.pairs;
  }

  /** Sessions that have not ended. */
  get openSessions(): number {
    return this.#connections.size;
  }

  /** The sessions that a report would list. */
  *sessions(): Generator<Session> {
    yield* this.#archive.list();
    yield* this.#openSessions();
  }

  /** @throws {ListenError} when an address cannot be listened on; nothing is left open then */
  async listen(): Promise<void> {
    const { console: options, log, tap } = this.#options;
    await this.#doors.open(
      {
        log,
        ...(tap !== undefined && { tap }),
        console: options === null ? null : { ...options, collector: this.collector },
      },
      (socket, door) => this.#accept(socket, door),
      (error) => this.#warn('accept', `a connection could not be taken: ${error.message}`),
    );
    this.#stopFollowing = this.#clock.followSystem();
  }

  /** The books as they stand: ended sessions and open ones. */
  report(extent: ReportExtent = WHOLE): ReportRecord {
    return reportRecord(
      {
        version: packageVersion(),
        clock: this.#clock,
        startedAt: this.#startedAt,
        sessions: [...this.sessions()],
        databases: this.#sums.records(this.#counted(), this.#clock.now()),
        droppedSessions: this.#archive.dropped,
        statistics: this.#statistics,
        texts: this.#options.queryText,
        cancels: this.#cancels,
        refused: this.#refused,
      },
      extent,
    );
  }

  /** Stops listening, ends all sessions, and returns the final report. Further calls return the same one. */
  stop(): ReportRecord {
    return (this.#final ??= this.#stop());
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
    this.#silent.delete(connection);
    if (this.#admitted < this.#options.maxConnections) {
      this.#admitted += 1;
      return null;
    }
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
    const { session: origin } = connection;
    const { target, session } = this.#targetOf(request, origin.entrance);
    const cancel = this.#cancels.enter(origin, target, this.#clock.now());
    this.#connections.delete(connection);
    this.#silent.delete(connection);
    if (this.#cancelsUnderWay.size >= this.#options.maxCancels) {
      cancel.error = `${this.#options.maxCancels} cancel requests were under way, which is the limit (--max-cancels)`;
      this.#refused.cancels += 1;
      this.#warn('cancels', `cancel request: ${cancel.error}`);
      connection.dismiss();
      return;
    }
    const giveUp = forwardCancel(connection, request, cancel, () => {
      this.#cancelsUnderWay.delete(giveUp);
      if (cancel.error !== null) this.#warn('cancels', `cancel request: ${cancel.error}`);
      else if (session !== null && target.kind === 'open' && target.statement !== null)
        this.#hangs.watch(session, target.statement, cancel);
    });
    this.#cancelsUnderWay.add(giveUp);
  }

  ended(connection: Connection): void {
    this.#silent.delete(connection);
    if (this.#turnedAway.delete(connection) || !this.#connections.delete(connection)) return;
    const { session } = connection;
    if (session.startup !== null || session.passthrough) this.#admitted -= 1;
    if (!session.isConsole) this.#sums.ended(session);
    this.#archive.add(session);
  }

  *#openSessions(): Generator<Session> {
    for (const { session } of this.#connections) yield session;
  }

  *#counted(): Generator<Session> {
    for (const session of this.#openSessions()) if (!session.isConsole) yield session;
  }

  // -------------------------------------------------------------------------- private

  #accept(socket: net.Socket, { address, options, balancers, entrance }: Door): void {
    if (!this.#makeRoom()) {
      socket.on('error', () => undefined);
      socket.end(fatalError(SQLSTATE.tooManyConnections, this.#tooMany()));
      socket.destroySoon();
      return;
    }
    this.#sessions += 1;
    const now = this.#clock.now();
    const session = new Session(this.#sessions, clientEndpoint(socket, address), this.#limits, this, now);
    session.entrance = entrance;
    session.accounting = this.#options.accounting;
    const open = (listener: ConstructorParameters<typeof Leg>[2]): Leg =>
      new Leg((onRead) => adoptSocket(socket, onRead), session.wire.client, listener);
    const fromBalancer = balancers.has(socket.remoteAddress, 'path' in address);
    const connection = new Connection(session, open, options, this, fromBalancer);
    this.#connections.add(connection);
    this.#silent.add(connection);
  }

  /** Of clients that say nothing the oldest makes room for one that may have something to say, such as a cancel request. */
  #makeRoom(): boolean {
    const { maxConnections, reserve } = this.#options;
    if (this.#connections.size + this.#turnedAway.size < maxConnections + reserve) return true;
    const [oldest] = this.#silent;
    if (oldest === undefined) return false;
    const message = 'it had not said what it wants when there were too many such clients';
    this.#silent.delete(oldest);
    this.#refused.connections += 1;
    this.#warn('silence', `a client was cut off: ${message} (--max-connections, ulimit -n)`);
    oldest.cutOff(message);
    return true;
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

  /** Two servers may give out the same key. `session` is given while it is open. */
  #targetOf(
    request: CancelRequest,
    through: Entrance | null,
  ): { readonly target: CancelTarget; readonly session: Session | null } {
    const isMeant = ({ facts: { backendKey }, entrance }: Session): boolean =>
      backendKey?.processId === request.processId &&
      backendKey.key.equals(request.key) &&
      entrance?.upstream === through?.upstream;
    for (const { session } of this.#connections) {
      if (!isMeant(session)) continue;
      return { target: { kind: 'open', session: session.id, statement: session.answering }, session };
    }
    const ended = this.#archive.find(isMeant);
    return {
      target: ended === null ? { kind: 'nobody' } : { kind: 'ended', session: ended.id },
      session: null,
    };
  }

  #stop(): ReportRecord {
    this.#doors.close();
    this.#stopFollowing?.();
    for (const giveUp of this.#cancelsUnderWay) giveUp('pgnetflow stopped');
    this.#hangs.stop();
    for (const connection of this.#connections) {
      // First, for it is in the report.
      connection.sayGoodbye();
      connection.session.end('shutdown', this.#clock.now());
    }
    const report = this.report();
    for (const connection of this.#connections) connection.stop();
    for (const connection of this.#turnedAway) connection.stop();
    this.#connections.clear();
    this.#silent.clear();
    this.#turnedAway.clear();
    return report;
  }
}

function clientEndpoint(socket: net.Socket, listening: Address): Endpoint {
  if ('path' in listening) return { address: formatAddress(listening), port: 0 };
  return { address: socket.remoteAddress ?? 'unknown', port: socket.remotePort ?? 0 };
}
