import { type Address, formatAddress } from '../relay/address.ts';
import { dial } from '../relay/dial.ts';
import type { Leg } from '../relay/leg.ts';
import type { UpstreamTls } from '../relay/upstream_tls.ts';
import { noTraffic } from '../session/leg_totals.ts';
import { decodeErrorFields } from '../wire/backend_bodies.ts';
import { startupMessage } from '../wire/encode.ts';

/** A server that must answer. */
export interface Upstream {
  readonly address: Address;
  readonly tls: UpstreamTls | null;
}

export interface UpstreamState {
  readonly upstream: string;
  readonly ready: boolean;
  /** In a sentence. */
  readonly why: string;
}

/** How long an answer may be used again. */
const CACHE_MS = 1000;
const TIMEOUT_MS = 3000;
/** Of an ErrorResponse: none that comes before a log-in is as long. */
const MAX_ANSWER_BYTES = 16 * 1024;

const AUTHENTICATION = 0x52;
const ERROR_RESPONSE = 0x45;
const HEADER_BYTES = 5;

/**
 * Whether the servers answer. Each is asked as a client would ask: a StartupMessage, and no more once the server has
 * answered, before a password is due. PostgreSQL logs nothing about a client that leaves then.
 */
export class Readiness {
  readonly #upstreams: readonly Upstream[];
  #latest: { readonly at: number; readonly states: Promise<UpstreamState[]> } | null = null;

  constructor(upstreams: readonly Upstream[]) {
    const names = upstreams.map(({ address }) => formatAddress(address));
    this.#upstreams = upstreams.filter((_, at) => names.indexOf(names[at]!) === at);
  }

  /** The state of each server, not older than a second; however many ask, each server is asked once. */
  states(): Promise<UpstreamState[]> {
    const at = performance.now();
    if (this.#latest === null || at - this.#latest.at >= CACHE_MS)
      this.#latest = { at, states: Promise.all(this.#upstreams.map(ask)) };
    return this.#latest.states;
  }
}

function ask({ address, tls }: Upstream): Promise<UpstreamState> {
  return new Promise((resolve) => {
    let leg: Leg | null = null;
    let over = false;
    let answer = Buffer.alloc(0);
    const finish = (ready: boolean, why: string): void => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      giveUp();
      leg?.destroy();
      resolve({ upstream: formatAddress(address), ready, why });
    };
    const timer = setTimeout(() => finish(false, `no answer within ${TIMEOUT_MS / 1000} s`), TIMEOUT_MS);
    const giveUp = dial(
      address,
      TIMEOUT_MS,
      noTraffic(),
      (result) => {
        if (result instanceof Error) {
          finish(false, result.message);
          return;
        }
        leg = result;
        result.listener = {
          read: (chunk, bytes) => {
            answer = Buffer.concat([answer, chunk.subarray(0, bytes)]);
            const verdict = verdictOf(answer);
            if (verdict !== null) finish(...verdict);
            return true;
          },
          ended: () => finish(false, 'it closed the connection without an answer'),
          closed: (error) => finish(false, error?.message ?? 'it closed the connection without an answer'),
        };
        result.write(
          startupMessage({ user: 'postgres', database: 'postgres', application_name: 'pgnetflow_readyz' }),
          () => undefined,
        );
      },
      tls,
    );
  });
}

/** What an answer says; null while it is incomplete. */
function verdictOf(answer: Buffer): [ready: boolean, why: string] | null {
  const [type] = answer;
  if (type === AUTHENTICATION) return [true, 'it answers'];
  if (type !== ERROR_RESPONSE || answer.length > MAX_ANSWER_BYTES)
    return [false, 'the answer is not that of PostgreSQL'];
  const end = answer.length < HEADER_BYTES ? Infinity : 1 + answer.readInt32BE(1);
  if (answer.length < end) return null;
  const { sqlstate, message } = decodeErrorFields(answer, HEADER_BYTES, end);
  // Class 57: it starts up or shuts down. Any other refusal comes from a server that is there and answers.
  return [!sqlstate.startsWith('57'), `${sqlstate} ${message}`.trim()];
}
