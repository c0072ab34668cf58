import { type ClientTls, secureClient } from '../relay/client_tls.ts';
import type { Leg } from '../relay/leg.ts';
import type { Session } from '../session/session.ts';
import { ACCEPT_ENCRYPTION, REFUSE_ENCRYPTION } from '../wire/encode.ts';
import { ProxyHeaderReader } from '../wire/proxy_protocol.ts';
import { type NotAStartupPacket, type StartupPacket, StartupPacketReader } from '../wire/startup_packet.ts';
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
  /** No start-up packet: to be closed without a word, as a server does. `reason` is for the log and the report. */
  | { readonly kind: 'junk'; readonly reason: string }
  /** Nothing that this port takes. */
  | {
      readonly kind: 'refused';
      readonly sqlstate: Sqlstate;
      readonly message: string;
      readonly detail?: string;
    };

/** First byte of a TLS handshake record, which no start-up packet begins with. */
const TLS_HANDSHAKE = 0x16;

/**
 * The beginning of a client's connection, up to the point where it is known what it is for: reads a balancer's header
 * and the untyped start-up packets, and settles the encryption.
 *
 * What a server answers, in its words, or with silence, is answered so here: ProcessStartupPacket of
 * src/backend/tcop/backend_startup.c. A server that has no TLS is asked nothing before the StartupMessage, so that what it
 * would say to an SSLRequest ("sorry, too many clients already") comes as its answer to that.
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

  /** A packet has begun to come. */
  get isWithinPacket(): boolean {
    return this.#startup.pending > 0;
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
        return { kind: 'junk', reason: describeJunk(packet) };
      case 'startup_message':
        break;
    }
    if (this.#demandsTls) {
      const message = 'this port of pgnetflow requires TLS; connect with sslmode=require';
      return { kind: 'refused', sqlstate: SQLSTATE.invalidAuthorization, message };
    }
    const rest = Buffer.from(chunk.subarray(at, to));
    return { kind: 'session', message: packet, reads: this.#reads, rest };
  }

  #encryptionRequested({ kind, packet }: EncryptionRequest, bytesBehind: number): Opening | null {
    // The server takes it for a StartupMessage then, and its code for a version of the protocol.
    if (this.#asked[kind] || this.#encryption === 'tls') return unsupportedProtocol(packet);
    this.#asked[kind] = true;
    this.#tap?.startup(packet);
    const tls = this.#clientTls;
    this.#reads = 0;
    const isRefused = kind === 'gssenc_request' || tls === null;
    if (isRefused) answer(this.#session, this.#leg, REFUSE_ENCRYPTION);
    // What follows in the clear before the answer could have been put there by somebody else.
    if (bytesBehind > 0) return unencryptedData(kind);
    if (isRefused) return null;
    if (tls === 'passthrough') return { kind: 'passthrough', first: packet };
    answer(this.#session, this.#leg, ACCEPT_ENCRYPTION);
    this.#secure(tls, null);
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

/** In the server's words. */
function unencryptedData(kind: EncryptionRequest['kind']): Opening {
  const request = kind === 'ssl_request' ? 'SSL request' : 'GSSAPI encryption request';
  return {
    kind: 'refused',
    sqlstate: SQLSTATE.protocolViolation,
    message: `received unencrypted data after ${request}`,
    detail:
      'This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.',
  };
}

function unsupportedProtocol(packet: Buffer): Opening {
  const version = `${packet.readUInt16BE(4)}.${packet.readUInt16BE(6)}`;
  return {
    kind: 'refused',
    sqlstate: SQLSTATE.featureNotSupported,
    message: `unsupported frontend protocol ${version}: server supports 3.0 to 3.2`,
  };
}

const OTHER_PROTOCOL = 'this port speaks the PostgreSQL protocol';

/** What the first four bytes of a connection look like when they are no length, and what helps. */
const LOOKS_LIKE: readonly { readonly beginnings: readonly string[]; readonly hint: string }[] = [
  {
    beginnings: ['PROX', '\r\n\r\n'],
    hint: 'it looks like a PROXY protocol header, from an address that --proxy-protocol-from does not name',
  },
  {
    beginnings: ['\u0016'],
    hint: 'it looks like a TLS handshake: pgnetflow speaks no TLS on this port (--tls-cert and --tls-key make it)',
  },
  {
    beginnings: ['GET ', 'POST', 'PUT ', 'HEAD', 'OPTI', 'DELE', 'PATC', 'CONN', 'PRI '],
    hint: `it looks like HTTP: ${OTHER_PROTOCOL}`,
  },
  { beginnings: ['*', 'PING', 'AUTH', 'INFO'], hint: `it looks like Redis: ${OTHER_PROTOCOL}` },
  { beginnings: ['SSH-'], hint: `it looks like SSH: ${OTHER_PROTOCOL}` },
  { beginnings: ['X\0\0\0'], hint: 'it is a Terminate message: the client left before it said who it is' },
];

function describeJunk({ as, length }: NotAStartupPacket): string {
  if (as === 'cancel_request') return `received a cancel request of an impossible length (${length} bytes)`;
  const first = Buffer.alloc(4);
  first.writeUInt32BE(length);
  const text = first.toString('latin1');
  const hint = LOOKS_LIKE.find(({ beginnings }) => beginnings.some((one) => text.startsWith(one)))?.hint;
  const what = `received what is no start-up packet: its length would be ${length} bytes`;
  return hint === undefined ? what : `${what}; ${hint}`;
}
