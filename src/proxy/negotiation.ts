import { type ClientTls, secureClient } from '../relay/client_tls.ts';
import type { Leg } from '../relay/leg.ts';
import type { Session } from '../session/session.ts';
import { ACCEPT_ENCRYPTION, REFUSE_ENCRYPTION } from '../wire/encode.ts';
import { ProxyHeaderReader } from '../wire/proxy_protocol.ts';
import { MAX_STARTUP_PACKET_BYTES, type StartupPacket, StartupPacketReader } from '../wire/startup_packet.ts';
import type { Tap } from './options.ts';
import { answer } from './own_bytes.ts';
import { SQLSTATE, type Sqlstate } from './sqlstate.ts';

export type StartupMessage = Extract<StartupPacket, { kind: 'startup_message' }>;
export type CancelRequest = Extract<StartupPacket, { kind: 'cancel_request' }>;
type EncryptionRequest = Extract<StartupPacket, { kind: 'ssl_request' | 'gssenc_request' }>;

/** What a client's connection turned out to be. */
export type Opening =
  /** A session. `reads` is what the message took; `rest` is what came behind it, copied. */
  | {
      readonly kind: 'session';
      readonly message: StartupMessage;
      readonly reads: number;
      readonly rest: Buffer;
    }
  /** Client and server are to speak TLS with each other; `first` is the client's beginning, copied. */
  | { readonly kind: 'passthrough'; readonly first: Buffer }
  /** The carrier of a cancel request, and of nothing else. */
  | { readonly kind: 'cancel'; readonly request: CancelRequest }
  /** A balancer's, and it does not begin as it must. */
  | { readonly kind: 'not_introduced'; readonly reason: string }
  /** Nothing that this port takes. */
  | { readonly kind: 'refused'; readonly sqlstate: Sqlstate; readonly message: string };

/** First byte of a TLS handshake record, which no start-up packet begins with. */
const TLS_HANDSHAKE = 0x16;

/**
 * The beginning of a client's connection, up to the point where it is known what it is for: reads a balancer's header
 * and the untyped start-up packets, and settles the encryption.
 */
export class Negotiation {
  readonly #session: Session;
  readonly #leg: Leg;
  /** Null: none; PostgreSQL has no TLS over Unix-domain sockets, and its clients do not ask for it there. */
  readonly #clientTls: ClientTls | 'passthrough' | null;
  readonly #tap: Tap | null;
  readonly #startup = new StartupPacketReader();
  /** Reads the header of a balancer; null once it is read, and without a balancer. */
  #header: ProxyHeaderReader | null;
  /** The kinds of encryption that the client has asked for: each once, as the server has it. */
  readonly #asked = { ssl_request: false, gssenc_request: false };
  /** The client itself has sent something. */
  #hasBegun = false;
  /** Reads that the packet which is being read has taken so far. */
  #reads = 0;
  #encryption: 'none' | 'handshake' | 'tls' = 'none';
  #understandsErrors = true;

  constructor(
    session: Session,
    leg: Leg,
    clientTls: ClientTls | 'passthrough' | null,
    tap: Tap | null,
    fromBalancer: boolean,
  ) {
    this.#session = session;
    this.#leg = leg;
    this.#clientTls = session.client.port === 0 ? null : clientTls;
    this.#tap = tap;
    this.#header = fromBalancer ? new ProxyHeaderReader() : null;
  }

  /** Whether the client's leg is encrypted, by us. */
  get encryption(): 'none' | 'handshake' | 'tls' {
    return this.#encryption;
  }

  /** False for a client that waits for a TLS handshake which is not ours. */
  get understandsErrors(): boolean {
    return this.#understandsErrors;
  }

  /**
   * Takes what the client sent. The chunk is valid during the call only.
   *
   * @returns what the connection is; null when the client has not said all of it yet
   */
  read(chunk: Buffer, bytes: number): Opening | null {
    let at = 0;
    if (this.#header !== null) {
      const { at: end, header } = this.#header.read(chunk, 0, bytes);
      at = end;
      if (header !== null) this.#header = null;
      if (header?.kind === 'invalid') return this.#notIntroduced(header.reason);
      if (header?.kind === 'proxied') this.#introduce(header.address, header.port);
    }
    return at === bytes ? null : this.#readPackets(chunk, at, bytes);
  }

  #introduce(address: string, port: number): void {
    const session = this.#session;
    session.via = session.client;
    session.client = { address, port };
  }

  #notIntroduced(why: string): Opening {
    const { address } = this.#session.client;
    return {
      kind: 'not_introduced',
      reason: `expected a PROXY protocol header from ${address}, which --proxy-protocol-from names: ${why}`,
    };
  }

  #readPackets(chunk: Buffer, from: number, to: number): Opening | null {
    this.#reads += 1;
    const opening = !this.#hasBegun;
    this.#hasBegun = true;
    if (opening && chunk[from] === TLS_HANDSHAKE && this.#clientTls !== null)
      return this.#directTls(Buffer.from(chunk.subarray(from, to)), this.#clientTls);
    const { at, packet } = this.#startup.read(chunk, from, to);
    if (packet === null) return null;
    switch (packet.kind) {
      case 'ssl_request':
      case 'gssenc_request':
        return this.#encryptionRequested(packet, to - at);
      case 'cancel_request':
        return { kind: 'cancel', request: packet };
      case 'invalid':
        return refused(notAStartupPacket(packet.length));
      case 'startup_message':
        break;
    }
    if (this.#demandsTls) {
      const message = 'this port of pgnetflow requires TLS; connect with sslmode=require';
      return refused(message, SQLSTATE.invalidAuthorization);
    }
    const rest = Buffer.from(chunk.subarray(at, to));
    return { kind: 'session', message: packet, reads: this.#reads, rest };
  }

  #encryptionRequested({ kind, packet }: EncryptionRequest, bytesBehind: number): Opening | null {
    if (this.#asked[kind]) return refused('received the same request for encryption twice');
    this.#asked[kind] = true;
    // What follows in the clear before the answer could have been put there by somebody else.
    if (bytesBehind > 0) return refused('received unencrypted data after an encryption request');
    this.#tap?.startup(packet);
    if (this.#encryption === 'tls')
      return refused('received an encryption request over a connection that is encrypted');
    const tls = this.#clientTls;
    this.#reads = 0;
    if (kind === 'gssenc_request' || tls === null) {
      answer(this.#session, this.#leg, REFUSE_ENCRYPTION);
    } else if (tls === 'passthrough') {
      return { kind: 'passthrough', first: packet };
    } else {
      answer(this.#session, this.#leg, ACCEPT_ENCRYPTION);
      this.#secure(tls, null);
    }
    return null;
  }

  /** The client begins with the handshake. */
  #directTls(hello: Buffer, tls: ClientTls | 'passthrough'): Opening | null {
    this.#reads = 0;
    if (tls === 'passthrough') {
      this.#understandsErrors = false;
      return { kind: 'passthrough', first: hello };
    }
    this.#secure(tls, hello);
    return null;
  }

  #secure(tls: ClientTls, hello: Buffer | null): void {
    this.#encryption = 'handshake';
    secureClient(this.#leg, tls, hello, () => {
      this.#encryption = 'tls';
    });
  }

  get #demandsTls(): boolean {
    const tls = this.#clientTls;
    return this.#encryption === 'none' && tls !== null && tls !== 'passthrough' && tls.mode === 'require';
  }
}

function refused(message: string, sqlstate: Sqlstate = SQLSTATE.protocolViolation): Opening {
  return { kind: 'refused', sqlstate, message };
}

/** The first four bytes of a PROXY protocol header of version 1 (`PROX`) and 2. */
const PROXY_HEADERS: ReadonlySet<number> = new Set([0x50524f58, 0x0d0a0d0a]);

function notAStartupPacket(length: number): string {
  if (PROXY_HEADERS.has(length)) {
    return 'received a PROXY protocol header from an address that --proxy-protocol-from does not name';
  }
  if (length >>> 24 === TLS_HANDSHAKE) {
    return 'received a TLS handshake where a startup packet was expected: pgnetflow speaks no TLS on this port (--tls-cert and --tls-key make it); use sslmode=disable or sslmode=prefer with sslnegotiation=postgres';
  }
  return `invalid length of startup packet: ${length} bytes, expected 8 to ${MAX_STARTUP_PACKET_BYTES}; this port speaks the PostgreSQL protocol`;
}
