import { type Address, formatAddress } from './address.ts';
import { keepLastWords } from './last_words.ts';
import { Leg } from './leg.ts';
import { type LegTotals, noTraffic } from '../session/leg_totals.ts';
import { connectSocket } from './read_buffer.ts';
import { secureServer, type UpstreamTls } from './upstream_tls.ts';

/** The server could not be reached. */
export class DialError extends Error {
  /** The system's code, or ETIMEDOUT. */
  readonly code: string;

  constructor(address: Address, cause: NodeJS.ErrnoException) {
    super(`could not connect to the PostgreSQL server at ${formatAddress(address)}: ${explain(cause)}`, {
      cause,
    });
    this.name = 'DialError';
    this.code = cause.code ?? 'ERR_DIAL';
  }
}

const EXPLANATIONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused: nothing listens there',
  ENOENT: 'no such socket: the server is not running, or uses another directory',
  ENOTFOUND: 'the host name is unknown',
  EAI_AGAIN: 'the host name cannot be looked up at present',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  EACCES: 'permission denied',
  EMFILE: 'this process may open no more files (ulimit -n)',
  ETIMEDOUT: 'no answer in time',
};

function explain(error: NodeJS.ErrnoException): string {
  return EXPLANATIONS[error.code ?? ''] ?? error.message;
}

/**
 * Connects to the server, and speaks TLS with it if so told. Over a Unix-domain socket there is no TLS, as with libpq.
 *
 * @param timeoutMs for all of it
 * @param onDone called once: with the leg, whose `listener` it must set, or with why there is none
 * @returns gives the attempt up; `onDone` is not called then
 */
export function dial(
  address: Address,
  timeoutMs: number,
  counters: LegTotals,
  onDone: (result: Leg | DialError) => void,
  tls: UpstreamTls | null = null,
): () => void {
  let state: 'dialling' | 'done' = 'dialling';
  let leg: Leg | null = null;
  const finish = (result: Leg | DialError | null): void => {
    if (state === 'done') return;
    state = 'done';
    clearTimeout(timer);
    if (!(result instanceof Leg)) leg?.destroy();
    if (result !== null) onDone(result);
  };
  const fail = (error: NodeJS.ErrnoException): void => finish(new DialError(address, error));
  const secure = (connected: Leg, host: string, how: UpstreamTls): void => {
    secureServer(connected, host, how, (result) => {
      if (leg !== connected || state === 'done') return;
      if (!(result instanceof Error)) finish(connected);
      else if (how.mode === 'prefer') {
        // What this attempt has cost, and may still cost as it closes, is on no leg of the session.
        connected.counters = { ...counters };
        connected.destroy();
        forget(counters);
        leg = attempt(address, counters, fail, finish);
      } else fail(result);
    });
  };
  const timer = setTimeout(() => {
    fail(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' }));
  }, timeoutMs);
  leg = attempt(address, counters, fail, (connected) => {
    if (tls === null || 'path' in address) finish(connected);
    else secure(connected, address.host, tls);
  });
  return () => finish(null);
}

function attempt(
  address: Address,
  counters: LegTotals,
  onFailure: (error: NodeJS.ErrnoException) => void,
  onConnect: (leg: Leg) => void,
): Leg {
  const to = 'path' in address ? { path: address.path } : { host: address.host, port: address.port };
  const leg = new Leg((onRead) => connectSocket(to, onRead), counters, {
    // A server speaks only when spoken to, and by then the leg has another listener.
    read: () => true,
    ended: () => undefined,
    closed: (error) => onFailure(error ?? new Error('the connection was closed')),
  });
  keepLastWords(leg.socket);
  leg.socket.once('connect', () => {
    leg.connected();
    onConnect(leg);
  });
  return leg;
}

/** Begins to count anew. */
function forget(counters: LegTotals): void {
  Object.assign(counters, noTraffic());
}
