import type { Logger } from 'pino';
import type { QueryTexts } from '../account/query_texts.ts';
import { DEFAULT_MAX_FINGERPRINTS } from '../account/statistics.ts';
import type { Address } from '../relay/address.ts';
import type { Network } from '../relay/networks.ts';
import type { ClientTls } from '../relay/client_tls.ts';
import type { UpstreamTls } from '../relay/upstream_tls.ts';
import type { CancelDiagnosis } from '../session/cancel.ts';
import type { Endpoint } from '../session/leg_totals.ts';
import type { State } from '../collector/state.ts';
import type { ConsoleOptions } from '../console/console.ts';
import type { ConsoleNames } from '../console/database.ts';
import type { Accounting, Session, SessionLimits } from '../session/session.ts';
import type { Statement } from '../session/statement.ts';

/** Sees the bytes of a session as they pass, for a trace. The buffers are valid during the call only. */
export interface Tap {
  /** One whole packet without a type byte: StartupMessage, or a request for encryption or cancellation. */
  startup(packet: Buffer): void;
  fromClient(buffer: Buffer, from: number, to: number): void;
  fromServer(buffer: Buffer, from: number, to: number): void;
}

/** A door: where clients come in, and the server that it leads to. */
export interface ListenerOptions {
  readonly listen: readonly Address[];
  readonly upstream: Address;
  /** Balancers: their connections begin with a PROXY protocol header, and only theirs may. */
  readonly proxyProtocolFrom: readonly Network[];
  /**
   * TLS with clients; `passthrough` leaves it to the server. Not over Unix-domain sockets, where PostgreSQL has none
   * either.
   */
  readonly clientTls: ClientTls | 'passthrough' | null;
  /** TLS with the server. */
  readonly upstreamTls: UpstreamTls | null;
  /** How long a connection to the server may take to open. */
  readonly connectTimeoutMs: number;
  /** How long a client may take to send its StartupMessage. */
  readonly startupTimeoutMs: number;
  /** How long a cancel request may take, from its arrival until the server has closed its connection. */
  readonly cancelTimeoutMs: number;
  /** After how long a silence the kernel asks whether the other end is still there, in whole seconds; 0: as it likes. */
  readonly tcpKeepaliveMs: number;
}

/** Whom to look at: a backend that does not heed a cancel request. */
export interface HungBackend {
  readonly processId: number;
  readonly server: Endpoint;
  /** Of its session, ISO 8601: the process began after that. */
  readonly sessionStartedAt: string;
}

/** Looks at backends. */
export interface BackendDiagnoser {
  /** Finds out why a backend does not react; null when nobody can tell, as for one on another host. */
  diagnose(backend: HungBackend): Promise<Omit<CancelDiagnosis, 'at'> | null>;
  /** Gives up what is under way; resolves when no backend is touched any more. */
  close(): Promise<void>;
}

/** What holds for all listeners together. */
export interface ProxyOptions extends SessionLimits {
  /** Off: the bare relay; nothing is read beyond what opens a connection. */
  readonly accounting: Accounting;
  /** What reports show of SQL texts. */
  readonly queryText: QueryTexts;
  /** Statements that all sessions together keep, ended ones included. */
  readonly maxStatementsInAll: number;
  /** Ended sessions kept for the report; smaller ones are added up. */
  readonly maxSessionsKept: number;
  /** Fingerprints with cumulative figures of their own; those with fewest bytes are added up. */
  readonly maxFingerprints: number;
  /** Sessions at a time; a further client is refused. */
  readonly maxConnections: number;
  /**
   * Connections taken beyond that, to be told that they are too many. Only who has read a client's first packet knows
   * that it is no cancel request, and those must pass when the server is busiest.
   */
  readonly reserve: number;
  /** Cancel requests under way at a time; further ones are not forwarded. */
  readonly maxCancels: number;
  /** How long a cancel request may have no effect, from its delivery, before its backend is looked at; 0 for ever. */
  readonly diagnoseAfterMs: number;
  /** Is asked about one backend at a time, once for each statement. */
  readonly diagnose?: BackendDiagnoser['diagnose'];
  readonly log: Logger;
  /** The virtual database `pgnetflow`; null: it is a database like any other. */
  readonly console: Omit<ConsoleStart, 'collector' | 'servers'> | null;
  /** Figures of earlier processes, which go on; null: all begin at 0. */
  readonly state: State | null;
  /** Called as each statement's figures become final; must not throw. */
  readonly onStatement?: (session: Session, statement: Statement) => void;
  /** Opens a tap for each session. */
  readonly tap?: (session: Session) => Tap;
}

/** What the console needs to know. */
export type ConsoleStart = ConsoleOptions & ConsoleNames;

/** What one connection is told. */
export type ConnectionOptions = ListenerOptions &
  Pick<ProxyOptions, 'log' | 'tap'> & {
    /** Null: there is no console. */
    readonly console: ConsoleStart | null;
  };

/** What a listener does unless told otherwise. */
export const LISTENER_DEFAULTS = {
  proxyProtocolFrom: [],
  clientTls: null,
  upstreamTls: null,
  connectTimeoutMs: 10_000,
  startupTimeoutMs: 60_000,
  cancelTimeoutMs: 10_000,
  tcpKeepaliveMs: 0,
} as const satisfies Partial<ListenerOptions>;

/** What a proxy does unless told otherwise. */
export const PROXY_DEFAULTS = {
  accounting: 'on',
  maxQueryBytes: 4096,
  queryText: 'raw',
  maxStatementsKept: 200,
  maxStatementsInAll: 10_000,
  maxSessionsKept: 1000,
  maxFingerprints: DEFAULT_MAX_FINGERPRINTS,
  maxConnections: 10_000,
  reserve: 100,
  // Each makes the server fork a process.
  maxCancels: 1000,
  diagnoseAfterMs: 5000,
  state: null,
  console: { database: 'postgres', alias: null, settings: [] },
} as const satisfies Partial<ProxyOptions>;

/** What must be told about a listener, and what may be. */
export type ListenerStart = Pick<ListenerOptions, 'listen' | 'upstream'> & Partial<ListenerOptions>;

/** What must be told to start a proxy, and what may be. A single listener may be told without the list. */
export type ProxyStart = Pick<ProxyOptions, 'log'> &
  Partial<ProxyOptions> &
  (ListenerStart | { readonly listeners: readonly ListenerStart[] });

/** The listeners of a start, with what was not told about them. */
export function listenersOf(start: ProxyStart): ListenerOptions[] {
  const listeners = 'listeners' in start ? start.listeners : [start];
  return listeners.map((listener) => ({ ...LISTENER_DEFAULTS, ...listener }));
}
