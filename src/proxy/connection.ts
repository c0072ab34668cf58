import { now } from '../clock.ts';
import type { Leg, LegListener } from '../relay/leg.ts';
import { formatAddress } from '../relay/address.ts';
import { Console } from '../console/console.ts';
import { consoleDatabase, withDatabase } from '../console/database.ts';
import { dial, type DialError } from '../relay/dial.ts';
import { Relay, type RelayEnd } from '../relay/relay.ts';
import { describeTlsError } from '../relay/tls_context.ts';
import type { UpstreamTls } from '../relay/upstream_tls.ts';
import type { Session } from '../session/session.ts';
import { fatalError } from '../wire/encode.ts';
import { SaslOffer } from '../wire/sasl_offer.ts';
import { BINDING_HINT, bindingFailed, endDetail, endReason } from './ending.ts';
import { type CancelRequest, Negotiation, type Opening, type StartupMessage } from './negotiation.ts';
import type { ConnectionOptions, ConsoleStart, Tap } from './options.ts';
import { answer, bookOwn } from './own_bytes.ts';
import { ReplyBooks, RequestBooks, UnreadReplyBooks, UnreadRequestBooks } from './session_books.ts';
import { SQLSTATE, type Sqlstate } from './sqlstate.ts';
import { Throttle } from './throttle.ts';

export interface ConnectionOwner {
  /** The client has said who it is. @returns why it may not have a session; null when it may */
  admit(connection: Connection): string | null;
  /** There is no connection to the server. */
  unreachable(connection: Connection, error: DialError): void;
  /** A client does not begin as the protocol has it. */
  notUnderstood(connection: Connection, reason: string): void;
  /** A balancer's connection does not begin as it must. */
  notIntroduced(reason: string): void;
  /** The client wants a statement cancelled; the connection carries nothing else. */
  cancelRequested(connection: Connection, request: CancelRequest): void;
  /** Both connections are gone. */
  ended(connection: Connection): void;
}

const GOODBYE = 'terminating connection: pgnetflow was stopped';

/**
 * One client connection from its acceptance to its end: negotiates, connects to the server once the client has said
 * who it is, and leaves the rest to a {@link Relay}.
 */
export class Connection {
  readonly session: Session;
  readonly leg: Leg;
  readonly options: ConnectionOptions;
  readonly #owner: ConnectionOwner;
  readonly #tap: Tap | null;
  readonly #negotiation: Negotiation;
  /** Null once the client has said what it wants. */
  #startupTimer: NodeJS.Timeout | null;
  #relay: Relay | null = null;
  /** In place of the relay. */
  #console: Console | null = null;
  /** It was ended in between two statements, for pgnetflow stops. */
  #isRetired = false;
  #giveUpDialling: (() => void) | null = null;

  constructor(
    session: Session,
    leg: (listener: LegListener) => Leg,
    options: ConnectionOptions,
    owner: ConnectionOwner,
    fromBalancer: boolean,
  ) {
    this.session = session;
    this.options = options;
    this.#owner = owner;
    this.#tap = options.tap?.(session) ?? null;
    this.leg = leg({
      read: (chunk, bytes) => {
        const opening = this.#negotiation.read(chunk, bytes);
        if (opening !== null) this.#open(opening);
        bookOwn(session);
        return true;
      },
      // Before a StartupMessage that is a good-bye; after it, the client may still want its answer.
      ended: () => {
        if (this.#negotiation.encryption === 'handshake')
          this.cutOff('the client closed the connection during the TLS handshake');
        else if (this.#negotiation.isWithinPacket)
          this.#closeSilently('the client closed the connection in the middle of its start-up packet');
        else if (session.startup === null && !session.passthrough) this.leg.end();
      },
      closed: (error) => this.#closedEarly(error),
    });
    // Its statement goes on, and keeps its locks, until the server is told.
    this.leg.noticeBreakWhileUnread();
    this.#negotiation = new Negotiation(session, this.leg, options.clientTls, this.#tap, fromBalancer);
    this.#startupTimer = setTimeout(() => {
      // The server's own time-out ends its process then (StartupPacketTimeoutHandler).
      const isShaking = this.#negotiation.encryption === 'handshake';
      this.cutOff(
        `no startup packet within ${options.startupTimeoutMs / 1000} s${isShaking ? ': the TLS handshake did not end' : ''}`,
      );
    }, options.startupTimeoutMs);
  }

  /** Tells the client that pgnetflow stops, where the protocol allows it and the client takes it at once. */
  sayGoodbye(): void {
    const { session, leg } = this;
    if (session.startup === null || session.isConsole || !session.atReplyBoundary) return;
    if (leg.unwritable || leg.socket.writableLength > 0) return;
    answer(session, leg, fatalError(SQLSTATE.adminShutdown, GOODBYE));
  }

  /**
   * Ends the session if that cuts nothing off: the client is told, as a server tells those whom it ends. A client that has not said
   * who it is has no session to lose.
   *
   * @returns whether it ends
   */
  retire(): boolean {
    const { session } = this;
    if (session.startup === null && !session.passthrough) {
      // One that was refused reads why.
      if (session.endDetail === null) this.cutOff('pgnetflow was stopped');
      return true;
    }
    const carrier = this.#relay ?? this.#console;
    if (this.#isRetired) return true;
    if (carrier === null || !session.atRest || (this.#console !== null && !this.#console.atRest))
      return false;
    this.#isRetired = true;
    if (!this.leg.unwritable) answer(session, this.leg, fatalError(SQLSTATE.adminShutdown, GOODBYE));
    carrier.retire();
    return true;
  }

  /** Breaks both connections; the session stays as it is. */
  stop(): void {
    this.#stopStartupTimer();
    this.#giveUpDialling?.();
    const carrier = this.#relay ?? this.#console;
    if (carrier === null) this.leg.destroy();
    else carrier.stop();
  }

  /** The connection goes on as the carrier of a cancel request and has no session. */
  handOver(listener: LegListener): void {
    this.#stopStartupTimer();
    this.leg.listener = listener;
  }

  /** It has brought a cancel request; nothing else is wanted from it, and it may close. */
  park(): void {
    this.handOver({ read: () => true, ended: () => undefined, closed: () => undefined });
  }

  /** Closes without a word, as the server does with a cancel request; there is no session. */
  dismiss(): void {
    this.park();
    this.leg.close();
  }

  /** Closes without a word at once. */
  cutOff(detail: string): void {
    this.#stopStartupTimer();
    this.session.endDetail ??= detail;
    this.leg.destroy();
  }

  /** Sends the client the one error that there is, and closes. */
  refuse(sqlstate: Sqlstate, message: string, detail?: string): void {
    const { session, leg } = this;
    this.#stopStartupTimer();
    if (this.#negotiation.encryption === 'handshake') {
      this.cutOff(`${message}: the TLS handshake did not end`);
      return;
    }
    session.endDetail ??= message;
    if (leg.unwritable) return;
    if (this.#negotiation.understandsErrors) answer(session, leg, fatalError(sqlstate, message, detail));
    leg.listener = {
      read: () => {
        bookOwn(session);
        return true;
      },
      ended: () => undefined,
      closed: () => this.#endRefused(null),
    };
    leg.linger();
  }

  /** The client has said what it wants. */
  #open(opening: Opening): void {
    switch (opening.kind) {
      case 'session':
        if (!this.#admitted()) break;
        this.#connect(opening.message, opening.reads, opening.rest);
        break;
      case 'passthrough':
        if (!this.#admitted()) break;
        this.#passThrough(opening.first);
        break;
      case 'cancel':
        this.#tap?.startup(opening.request.packet);
        this.#owner.cancelRequested(this, opening.request);
        break;
      case 'not_introduced':
        this.#owner.notIntroduced(opening.reason);
        this.refuse(SQLSTATE.protocolViolation, opening.reason);
        break;
      case 'junk':
        this.#closeSilently(opening.reason);
        break;
      case 'refused':
        this.refuse(opening.sqlstate, opening.message, opening.detail);
        break;
    }
  }

  /** The client speaks something else: a server says nothing to that, and logs it. */
  #closeSilently(reason: string): void {
    this.#owner.notUnderstood(this, reason);
    this.cutOff(reason);
  }

  #admitted(): boolean {
    const refusal = this.#owner.admit(this);
    if (refusal !== null) this.refuse(SQLSTATE.tooManyConnections, refusal);
    return refusal === null;
  }

  /** A timer that is kept holds more than a hundred bytes. */
  #stopStartupTimer(): void {
    if (this.#startupTimer !== null) clearTimeout(this.#startupTimer);
    this.#startupTimer = null;
  }

  #connect(message: StartupMessage, reads: number, rest: Buffer): void {
    const { session } = this;
    this.#stopStartupTimer();
    const { console: consoleOptions } = this.options;
    const database = consoleOptions === null ? null : consoleDatabase(message, consoleOptions);
    if (consoleOptions !== null && database !== null) {
      this.#openConsole(message, rest, { ...consoleOptions, database });
      return;
    }
    session.start(message, reads, rest, now());
    this.#tap?.startup(message.packet);
    if (rest.length > 0) this.#tap?.fromClient(rest, 0, rest.length);
    this.#dial(
      rest.length === 0 ? message.packet : Buffer.concat([message.packet, rest]),
      this.options.upstreamTls,
    );
  }

  /** A session of the console: all of it is between the client, the server and pgnetflow itself. */
  #openConsole(message: StartupMessage, rest: Buffer, options: ConsoleStart): void {
    const { session, leg } = this;
    const { kind, protocolMajor, protocolMinor, parameters } = message;
    session.startup = { kind, protocolMajor, protocolMinor, parameters };
    session.isConsole = true;
    leg.pause();
    this.#dialServer(this.options.upstreamTls, (server) => {
      this.#console = new Console(
        session,
        { client: leg, server },
        options,
        (end) => this.#relayEnded(end),
        this.#alterationOf(),
      );
      this.#console.start(withDatabase(message.packet, options.database), rest);
    });
  }

  /** The client is to speak TLS with the server itself. */
  #passThrough(first: Buffer): void {
    this.#stopStartupTimer();
    this.session.startPassthrough(first, now());
    this.#dial(first, null);
  }

  #dial(first: Buffer, tls: UpstreamTls | null): void {
    this.session.undelivered.R = first.length;
    // Until there is a server to read for.
    this.leg.pause();
    this.#dialServer(tls, (server) => this.#relayTo(server, first));
  }

  #dialServer(tls: UpstreamTls | null, onConnect: (server: Leg) => void): void {
    const { upstream, connectTimeoutMs } = this.options;
    this.#giveUpDialling = dial(
      upstream,
      connectTimeoutMs,
      this.session.wire.server,
      (result) => {
        this.#giveUpDialling = null;
        if (result instanceof Error) this.#unreachable(result);
        else {
          this.#reached(result);
          onConnect(result);
        }
      },
      tls,
    );
  }

  #unreachable(error: DialError): void {
    this.#owner.unreachable(this, error);
    this.refuse(SQLSTATE.cannotConnectNow, error.message);
  }

  #reached(server: Leg): void {
    const { upstream, tcpKeepaliveMs } = this.options;
    if (tcpKeepaliveMs > 0) for (const each of [this.leg, server]) each.keepAlive(tcpKeepaliveMs);
    this.session.server =
      'path' in upstream
        ? { address: upstream.path, port: 0 }
        : { address: server.socket.remoteAddress ?? upstream.host, port: upstream.port };
  }

  /** Log-in methods that bind to TLS are taken out of the offer to a client in the clear. */
  #alterationOf(): SaslOffer | null {
    const bindsNothing = this.session.wire.server.tls !== null && this.#negotiation.encryption === 'none';
    return bindsNothing ? new SaslOffer() : null;
  }

  #relayTo(server: Leg, first: Buffer): void {
    const { session, leg } = this;
    const tap = session.passthrough ? null : this.#tap;
    const throttle = new Throttle(session, leg);
    const [Requests, Replies] =
      session.accounting === 'off' ? [UnreadRequestBooks, UnreadReplyBooks] : [RequestBooks, ReplyBooks];
    const books = {
      R: new Requests(session, tap, throttle),
      S: new Replies(session, tap, throttle),
    };
    session.undelivered.R = 0;
    const events = {
      silentServer: (error: Error | null) => this.#tellSilence(error),
      ended: (end: RelayEnd) => this.#relayEnded(end),
    };
    this.#relay = new Relay(leg, server, books, events, this.#alterationOf());
    this.#relay.start(first);
  }

  /** The server took the connection and closed it without a word: without this the client could only guess. */
  #tellSilence(error: Error | null): void {
    if (this.leg.unwritable) return;
    const where = formatAddress(this.options.upstream);
    const how = error === null ? 'closed the connection' : `broke the connection (${error.message})`;
    this.session.endDetail = `the PostgreSQL server at ${where} ${how} before it answered`;
    if (this.#negotiation.understandsErrors)
      answer(this.session, this.leg, fatalError(SQLSTATE.cannotConnectNow, this.session.endDetail));
  }

  #relayEnded(end: RelayEnd): void {
    const { session } = this;
    if (bindingFailed(session)) {
      session.endDetail = `${endDetail(session, end) ?? ''}; ${BINDING_HINT}`;
      this.options.log.warn({ session: session.id }, session.endDetail);
    }
    const reason = this.#isRetired
      ? 'shutdown'
      : this.#console?.hasTerminated === true
        ? 'terminate'
        : endReason(session, end);
    session.end(reason, now(), session.endDetail ?? endDetail(session, end));
    this.#owner.ended(this);
  }

  /** The client is gone before there was a relay. */
  #closedEarly(error: Error | null): void {
    this.#stopStartupTimer();
    this.#giveUpDialling?.();
    this.#endRefused(error);
  }

  #endRefused(error: Error | null): void {
    const { session } = this;
    bookOwn(session);
    if (this.#negotiation.encryption === 'handshake' && error !== null)
      session.endDetail ??= `TLS handshake with the client failed: ${describeTlsError(error)}`;
    session.end('refused', now(), session.endDetail ?? error?.message ?? null);
    this.#owner.ended(this);
  }
}
