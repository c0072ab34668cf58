import type { Leg, LegListener } from '../relay/leg.ts';
import { type ClientTls, secureClient } from '../relay/client_tls.ts';
import { dial, type DialError } from '../relay/dial.ts';
import { Relay, type RelayEnd } from '../relay/relay.ts';
import { formatAddress } from '../relay/address.ts';
import { describeTlsError } from '../relay/tls_context.ts';
import type { EndReason, Session } from '../session/session.ts';
import { ACCEPT_ENCRYPTION, fatalError, REFUSE_ENCRYPTION } from '../wire/encode.ts';
import { ProxyHeaderReader } from '../wire/proxy_protocol.ts';
import { SaslOffer } from '../wire/sasl_offer.ts';
import { MAX_STARTUP_PACKET_BYTES, type StartupPacket, StartupPacketReader } from '../wire/startup_packet.ts';
import type { UpstreamTls } from '../relay/upstream_tls.ts';
import type { ProxyOptions, Tap } from './options.ts';
import { ReplyBooks, RequestBooks } from './session_books.ts';
import { Throttle } from './throttle.ts';

type StartupMessage = Extract<StartupPacket, { kind: 'startup_message' }>;
type EncryptionRequest = Extract<StartupPacket, { kind: 'ssl_request' | 'gssenc_request' }>;
export type CancelRequest = Extract<StartupPacket, { kind: 'cancel_request' }>;

/** SQLSTATEs of the errors that pgnetflow reports itself. */
const PROTOCOL_VIOLATION = '08P01';
const INVALID_AUTHORIZATION = '28000';
const CANNOT_CONNECT = '08001';
const CONNECTION_FAILURE = '08006';
export const TOO_MANY_CONNECTIONS = '53300';

export interface ConnectionOwner {
  /** The client has said who it is. @returns why it may not have a session; null when it may */
  admit(connection: Connection): string | null;
  /** A balancer's connection does not begin as it must. */
  notIntroduced(reason: string): void;
  /** The client wants a statement cancelled; the connection carries nothing else. */
  cancelRequested(connection: Connection, request: CancelRequest): void;
  /** Both connections are gone. */
  ended(connection: Connection): void;
}

/** First byte of a TLS handshake record, which no start-up packet begins with. */
const TLS_HANDSHAKE = 0x16;

/** Whether the client's leg is encrypted, by us. */
type Encryption = 'none' | 'handshake' | 'tls';

/**
 * One client connection from its acceptance to its end: negotiates, connects to the server once the client has said
 * who it is, and leaves the rest to a {@link Relay}.
 */
export class Connection {
  readonly session: Session;
  readonly leg: Leg;
  readonly #options: ProxyOptions;
  readonly #owner: ConnectionOwner;
  readonly #tap: Tap | null;
  readonly #startup = new StartupPacketReader();
  readonly #startupTimer: NodeJS.Timeout;
  /** Reads the header of a balancer; null once it is read, and without a balancer. */
  #header: ProxyHeaderReader | null;
  /** The kinds of encryption that the client has asked for: each once, as the server has it. */
  readonly #asked = new Set<StartupPacket['kind']>();
  /** The client itself has sent something. */
  #hasBegun = false;
  /** Reads that the packet which is being read has taken so far. */
  #reads = 0;
  #encryption: Encryption = 'none';
  /** False for a client that waits for a TLS handshake which is not ours. */
  #understandsErrors = true;
  #relay: Relay | null = null;
  #giveUpDialling: (() => void) | null = null;

  constructor(
    session: Session,
    leg: (listener: LegListener) => Leg,
    options: ProxyOptions,
    owner: ConnectionOwner,
    fromBalancer: boolean,
  ) {
    this.session = session;
    this.#header = fromBalancer ? new ProxyHeaderReader() : null;
    this.#options = options;
    this.#owner = owner;
    this.#tap = options.tap?.(session) ?? null;
    this.leg = leg({
      read: (chunk, bytes) => {
        const goOn = this.#negotiate(chunk, bytes);
        this.#bookOwn();
        return goOn;
      },
      // Before a StartupMessage that is a good-bye; after it, the client may still want its answer.
      ended: () => {
        if (this.#encryption === 'handshake')
          this.#breakHandshake('the client closed the connection during the TLS handshake');
        else if (session.startup === null && !session.passthrough) this.leg.end();
      },
      closed: (error) => this.#closedEarly(error),
    });
    this.#startupTimer = setTimeout(() => {
      this.refuse(PROTOCOL_VIOLATION, `no startup packet within ${options.startupTimeoutMs / 1000} s`);
    }, options.startupTimeoutMs);
  }

  /** Breaks both connections; the session stays as it is. */
  stop(): void {
    clearTimeout(this.#startupTimer);
    this.#giveUpDialling?.();
    if (this.#relay === null) this.leg.destroy();
    else this.#relay.stop();
  }

  /** The connection goes on as the carrier of a cancel request and has no session. */
  handOver(listener: LegListener): void {
    clearTimeout(this.#startupTimer);
    this.leg.listener = listener;
  }

  /** Closes without a word, as the server does with a cancel request; there is no session. */
  dismiss(): void {
    this.handOver({ read: () => true, ended: () => undefined, closed: () => undefined });
    this.leg.close();
  }

  /** Sends the client the one error that there is, and closes. */
  refuse(sqlstate: string, message: string): void {
    const { session } = this;
    clearTimeout(this.#startupTimer);
    if (this.#encryption === 'handshake') {
      this.#breakHandshake(`${message}: the TLS handshake did not end`);
      return;
    }
    session.endDetail ??= message;
    if (this.leg.unwritable) return;
    if (this.#understandsErrors) this.#answer(fatalError(sqlstate, message));
    this.leg.listener = {
      read: () => {
        this.#bookOwn();
        return true;
      },
      ended: () => undefined,
      closed: () => this.#endRefused(null),
    };
    this.leg.linger();
  }

  /** Reads the untyped packets that open a connection. */
  #negotiate(chunk: Buffer, bytes: number): boolean {
    let at = this.#readHeader(chunk, bytes);
    if (at === bytes) return true;
    this.#reads += 1;
    const opening = !this.#hasBegun;
    this.#hasBegun = true;
    if (opening && chunk[at] === TLS_HANDSHAKE && this.#clientTls !== null) {
      return this.#directTls(Buffer.from(chunk.subarray(at, bytes)), this.#clientTls);
    }
    while (at < bytes) {
      const { at: end, packet } = this.#startup.read(chunk, at, bytes);
      at = end;
      if (packet === null) break;
      switch (packet.kind) {
        case 'ssl_request':
        case 'gssenc_request':
          if (this.#asked.has(packet.kind)) {
            this.refuse(PROTOCOL_VIOLATION, 'received the same request for encryption twice');
            return true;
          }
          this.#asked.add(packet.kind);
          // What follows in the clear before the answer could have been put there by somebody else.
          if (at < bytes) {
            this.refuse(PROTOCOL_VIOLATION, 'received unencrypted data after an encryption request');
            return true;
          }
          this.#tap?.startup(packet.packet);
          return this.#negotiateEncryption(packet);
        case 'cancel_request':
          this.#tap?.startup(packet.packet);
          this.#owner.cancelRequested(this, packet);
          return true;
        case 'startup_message': {
          if (this.#demandsTls) {
            this.refuse(
              INVALID_AUTHORIZATION,
              'this port of pgnetflow requires TLS; connect with sslmode=require',
            );
            return true;
          }
          const refusal = this.#owner.admit(this);
          if (refusal !== null) {
            this.refuse(TOO_MANY_CONNECTIONS, refusal);
            return true;
          }
          this.#connect(packet, Buffer.from(chunk.subarray(at, bytes)));
          return false;
        }
        case 'invalid':
          this.refuse(PROTOCOL_VIOLATION, notAStartupPacket(packet.length));
          return true;
      }
    }
    return true;
  }

  /** Reads what a balancer says of its client. @returns where the client's own bytes begin */
  #readHeader(chunk: Buffer, bytes: number): number {
    if (this.#header === null) return 0;
    const { at, header } = this.#header.read(chunk, 0, bytes);
    if (header === null) return at;
    this.#header = null;
    const { session } = this;
    if (header.kind === 'proxied') {
      session.via = session.client;
      session.client = { address: header.address, port: header.port };
    } else if (header.kind === 'invalid') {
      const { address } = session.client;
      const reason = `expected a PROXY protocol header from ${address}, which --proxy-protocol-from names: ${header.reason}`;
      this.#owner.notIntroduced(reason);
      this.refuse(PROTOCOL_VIOLATION, reason);
    }
    return at;
  }

  /** @returns false to stop reading */
  #negotiateEncryption({ kind, packet }: EncryptionRequest): boolean {
    const tls = this.#clientTls;
    if (this.#encryption === 'tls') {
      this.refuse(PROTOCOL_VIOLATION, 'received an encryption request over a connection that is encrypted');
      return true;
    }
    this.#reads = 0;
    if (kind === 'gssenc_request' || tls === null) {
      this.#answer(REFUSE_ENCRYPTION);
    } else if (tls === 'passthrough') {
      return this.#passThrough(packet);
    } else {
      this.#answer(ACCEPT_ENCRYPTION);
      this.#secure(tls, null);
    }
    return true;
  }

  /** The client begins with the handshake. @returns false to stop reading */
  #directTls(hello: Buffer, tls: ClientTls | 'passthrough'): boolean {
    this.#reads = 0;
    if (tls === 'passthrough') {
      this.#understandsErrors = false;
      return this.#passThrough(hello);
    }
    this.#secure(tls, hello);
    return true;
  }

  #secure(tls: ClientTls, hello: Buffer | null): void {
    this.#encryption = 'handshake';
    secureClient(this.leg, tls, hello, () => {
      this.#encryption = 'tls';
    });
  }

  #breakHandshake(detail: string): void {
    this.session.endDetail ??= detail;
    this.leg.destroy();
  }

  /** PostgreSQL has no TLS over Unix-domain sockets, and its clients do not ask for it there. */
  get #clientTls(): ClientTls | 'passthrough' | null {
    const { client, via } = this.session;
    return (via ?? client).port === 0 ? null : this.#options.clientTls;
  }

  get #demandsTls(): boolean {
    const tls = this.#clientTls;
    return this.#encryption === 'none' && tls !== null && tls !== 'passthrough' && tls.mode === 'require';
  }

  #answer(bytes: Buffer): void {
    const taken = (): void => {
      this.session.wire.client.ownOut += bytes.length;
    };
    if (this.leg.write(bytes, taken)) taken();
  }

  /** What was read and is not for the server is for pgnetflow. */
  #bookOwn(): void {
    const { client } = this.session.wire;
    client.ownIn = client.in - this.session.protocolBytes.R;
  }

  #connect(message: StartupMessage, rest: Buffer): void {
    const { session } = this;
    clearTimeout(this.#startupTimer);
    session.start(message, this.#reads, rest, performance.now());
    this.#tap?.startup(message.packet);
    if (rest.length > 0) this.#tap?.fromClient(rest, 0, rest.length);
    this.#dial(
      rest.length === 0 ? message.packet : Buffer.concat([message.packet, rest]),
      this.#options.upstreamTls,
    );
  }

  /** The client is to speak TLS with the server itself. @returns false to stop reading */
  #passThrough(first: Buffer): boolean {
    const refusal = this.#owner.admit(this);
    if (refusal !== null) {
      this.refuse(TOO_MANY_CONNECTIONS, refusal);
      return true;
    }
    clearTimeout(this.#startupTimer);
    this.session.startPassthrough(first, performance.now());
    this.#dial(first, null);
    return false;
  }

  #dial(first: Buffer, tls: UpstreamTls | null): void {
    const { session } = this;
    session.undelivered.R = first.length;
    this.#giveUpDialling = dial(
      this.#options.upstream,
      this.#options.connectTimeoutMs,
      session.wire.server,
      (result) => {
        this.#giveUpDialling = null;
        if (result instanceof Error) this.#unreachable(result);
        else this.#relayTo(result, first);
      },
      tls,
    );
  }

  #unreachable(error: DialError): void {
    this.#options.log.warn({ session: this.session.id, code: error.code }, error.message);
    this.refuse(CANNOT_CONNECT, error.message);
  }

  #relayTo(server: Leg, first: Buffer): void {
    const { session, leg } = this;
    const { upstream } = this.#options;
    session.server =
      'path' in upstream
        ? { address: upstream.path, port: 0 }
        : { address: server.socket.remoteAddress ?? upstream.host, port: upstream.port };
    const tap = session.passthrough ? null : this.#tap;
    const throttle = new Throttle(session, leg);
    const books = {
      R: new RequestBooks(session, tap, throttle),
      S: new ReplyBooks(session, tap, throttle),
    };
    session.undelivered.R = 0;
    const events = {
      silentServer: (error: Error | null) => this.#tellSilence(error),
      ended: (end: RelayEnd) => this.#relayEnded(end),
    };
    const bindsNothing = session.wire.server.tls !== null && this.#encryption === 'none';
    this.#relay = new Relay(leg, server, books, events, bindsNothing ? new SaslOffer() : null);
    this.#relay.start(first);
  }

  /** The server took the connection and closed it without a word: without this the client could only guess. */
  #tellSilence(error: Error | null): void {
    if (this.leg.unwritable) return;
    const where = formatAddress(this.#options.upstream);
    const how = error === null ? 'closed the connection' : `broke the connection (${error.message})`;
    this.session.endDetail = `the PostgreSQL server at ${where} ${how} before it answered`;
    if (this.#understandsErrors) this.#answer(fatalError(CONNECTION_FAILURE, this.session.endDetail));
  }

  #relayEnded(end: RelayEnd): void {
    const { session } = this;
    if (bindingFailed(session)) {
      session.endDetail = `${endDetail(session, end) ?? ''}; ${BINDING_HINT}`;
      this.#options.log.warn({ session: session.id }, session.endDetail);
    }
    session.end(endReason(session, end), performance.now(), session.endDetail ?? endDetail(session, end));
    this.#owner.ended(this);
  }

  /** The client is gone before there was a relay. */
  #closedEarly(error: Error | null): void {
    clearTimeout(this.#startupTimer);
    this.#giveUpDialling?.();
    this.#endRefused(error);
  }

  #endRefused(error: Error | null): void {
    const { session } = this;
    this.#bookOwn();
    if (this.#encryption === 'handshake' && error !== null)
      session.endDetail ??= `TLS handshake with the client failed: ${describeTlsError(error)}`;
    session.end('refused', performance.now(), session.endDetail ?? error?.message ?? null);
    this.#owner.ended(this);
  }
}

/** The first four bytes of a PROXY protocol header of version 1 (`PROX`) and 2. */
const PROXY_HEADERS: ReadonlySet<number> = new Set([0x50524f58, 0x0d0a0d0a]);

const BINDING_HINT =
  "the client has bound its log-in to pgnetflow's certificate, which is not the server's: use channel_binding=disable " +
  "there, or give pgnetflow the server's own certificate and key, or --client-tls passthrough";

/** Two TLS connections with different certificates cannot carry SCRAM-SHA-256-PLUS (src/backend/libpq/auth-scram.c). */
function bindingFailed({ facts, starting, wire }: Session): boolean {
  const { lastError } = facts;
  if (!starting || lastError === null || wire.client.tls === null || wire.server.tls === null) return false;
  return lastError.sqlstate === INVALID_AUTHORIZATION && /channel.binding/i.test(lastError.message);
}

function notAStartupPacket(length: number): string {
  if (PROXY_HEADERS.has(length)) {
    return 'received a PROXY protocol header from an address that --proxy-protocol-from does not name';
  }
  if (length >>> 24 === 0x16) {
    return 'received a TLS handshake where a startup packet was expected: pgnetflow speaks no TLS on this port (--tls-cert and --tls-key make it); use sslmode=disable or sslmode=prefer with sslnegotiation=postgres';
  }
  return `invalid length of startup packet: ${length} bytes, expected 8 to ${MAX_STARTUP_PACKET_BYTES}; this port speaks the PostgreSQL protocol`;
}

function endReason(session: Session, end: RelayEnd): EndReason {
  if (session.terminated) return 'terminate';
  if (end.error !== null) return 'aborted';
  return end.by === 'client' ? 'client_closed' : 'server_closed';
}

function endDetail(session: Session, end: RelayEnd): string | null {
  const { lastError } = session.facts;
  // Whoever closed first: this is why.
  if (lastError?.severity === 'FATAL' || lastError?.severity === 'PANIC') {
    return `${lastError.severity} ${lastError.sqlstate}: ${lastError.message}`;
  }
  if (end.error !== null) return `${end.by} connection: ${end.error.message}`;
  return session.busy && !session.starting
    ? `the ${end.by} closed the connection before all was answered`
    : null;
}
