import type { Statement } from '../session/statement.ts';
import { fingerprint } from './fingerprint.ts';
import { normalize } from './normalize.ts';
import { StatementTotals } from './statement_totals.ts';
import { TextCache } from './text_cache.ts';

export interface StatisticsLimits {
  /** Fingerprints whose figures are kept apart, at least 1. */
  readonly maxFingerprints: number;
}

export const DEFAULT_MAX_FINGERPRINTS = 2000;

/** Names of what has no text; no normal form is spaced like this. */
export const FUNCTION_CALL = '<function call>';
export const UNKNOWN_STATEMENT = '<unknown prepared statement>';

const OF_FUNCTION_CALL = identityOf(FUNCTION_CALL);
const OF_UNKNOWN_STATEMENT = identityOf(UNKNOWN_STATEMENT);

/** Characters of a normal form that are kept; longer ones are told apart by their fingerprint only. */
const MAX_QUERY_CHARACTERS = 4096;
/** Characters of texts that one generation of the cache may hold. */
const MAX_CACHED_CHARACTERS = 1 << 20;
/** Of the fingerprints at the limit, this part makes room for new ones, so that not each one sorts them all. */
const FOLDED_AT_ONCE = 1 / 20;

/** What a text comes down to. */
interface Identity {
  /** The normal form, or the fingerprint of a long one. */
  readonly key: string;
  readonly fingerprint: string;
  /** The normal form, cut. */
  readonly query: string;
}

interface Entry {
  readonly identity: Identity;
  readonly totals: StatementTotals;
}

/**
 * Which statement moved how much: cumulative figures by fingerprint.
 *
 * **Law**: the figures of all totals and of `other` add up to those of all statements recorded since the last reset.
 *
 * At the limit, the twentieth of the fingerprints that moved least is folded into `other`; of equal ones, those that
 * were used longest ago. One that comes back starts anew. Memory is bounded by the limit, and by two generations of
 * cached texts; `docs/statements.md` has the figures.
 */
export class StatementStatistics {
  readonly #limits: StatisticsLimits;
  #entries = new Map<string, Entry>();
  #whole: TextCache<Identity>;
  /** Texts that are the beginning of a longer one. */
  #cut: TextCache<Identity>;
  #other = new StatementTotals(null, null);
  #resetAt: number;

  constructor(limits: StatisticsLimits, now: number) {
    if (!(limits.maxFingerprints >= 1)) {
      throw new RangeError(`maxFingerprints must be at least 1, not ${limits.maxFingerprints}`);
    }
    this.#limits = limits;
    this.#whole = this.#cache();
    this.#cut = this.#cache();
    this.#resetAt = now;
  }

  /** Enters a statement whose figures are final, and tells it its fingerprint, which is returned. */
  record(statement: Statement): string {
    const identity = this.#identify(statement);
    const { totals } = this.#entries.get(identity.key) ?? this.#enter(identity);
    totals.record(statement);
    statement.fingerprint = identity.fingerprint;
    return identity.fingerprint;
  }

  /** What is kept, the largest by bytes first. */
  totals(): StatementTotals[] {
    const totals = [...this.#entries.values()].map((entry) => entry.totals);
    // Of equal ones the order must not depend on when they came.
    return totals.toSorted((a, b) => b.bytes - a.bytes || (a.fingerprint! < b.fingerprint! ? -1 : 1));
  }

  /** What was folded away. */
  get other(): StatementTotals {
    return this.#other;
  }

  /** When the figures were 0. */
  get resetAt(): number {
    return this.#resetAt;
  }

  reset(now: number): void {
    this.#entries = new Map();
    this.#whole = this.#cache();
    this.#cut = this.#cache();
    this.#other = new StatementTotals(null, null);
    this.#resetAt = now;
  }

  // ------------------------------------------------------------------- private

  #cache(): TextCache<Identity> {
    return new TextCache(this.#limits.maxFingerprints, MAX_CACHED_CHARACTERS);
  }

  #identify({ kind, query }: Statement): Identity {
    if (query === null) return kind === 'function' ? OF_FUNCTION_CALL : OF_UNKNOWN_STATEMENT;
    const cache = query.truncated ? this.#cut : this.#whole;
    const known = cache.get(query.text);
    if (known !== undefined) return known;
    const found = this.#ofNormal(normalize(query.text, query.truncated));
    cache.set(query.text, found);
    return found;
  }

  #ofNormal(normal: string): Identity {
    const isLong = normal.length > MAX_QUERY_CHARACTERS;
    const key = isLong ? fingerprint(normal) : normal;
    const known = this.#entries.get(key);
    if (known !== undefined) return known.identity;
    return isLong ? { key, fingerprint: key, query: beginning(normal) } : identityOf(normal);
  }

  #enter(identity: Identity): Entry {
    if (this.#entries.size >= this.#limits.maxFingerprints) this.#makeRoom();
    const entry = { identity, totals: new StatementTotals(identity.fingerprint, identity.query) };
    this.#entries.set(identity.key, entry);
    return entry;
  }

  #makeRoom(): void {
    const bySize = [...this.#entries].toSorted(
      ([, { totals: a }], [, { totals: b }]) => a.bytes - b.bytes || a.R.lastAt - b.R.lastAt,
    );
    const count = Math.ceil(this.#limits.maxFingerprints * FOLDED_AT_ONCE);
    for (const [key, { totals }] of bySize.slice(0, count)) {
      this.#other.fold(totals);
      this.#entries.delete(key);
    }
  }
}

function identityOf(normal: string): Identity {
  return { key: normal, fingerprint: fingerprint(normal), query: normal };
}

/** The beginning of a text, in a string that does not keep the whole one. */
function beginning(text: string): string {
  return Buffer.from(`${text.slice(0, MAX_QUERY_CHARACTERS)}…`).toString();
}
