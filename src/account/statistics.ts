import type { Statement } from '../session/statement.ts';
import { fingerprint } from './fingerprint.ts';
import { normalize } from './normalize.ts';
import { NumberShapes } from './number_shapes.ts';
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
  /** Where its figures are, or were. */
  entry: Entry | null;
}

interface Entry {
  readonly identity: Identity;
  readonly totals: StatementTotals;
  /** It is one of those kept apart. */
  kept: boolean;
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
  #shapes = new NumberShapes<Identity>();
  #functionCall = identityOf(FUNCTION_CALL);
  #unknownStatement = identityOf(UNKNOWN_STATEMENT);
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
    this.#entryOf(identity).totals.record(statement);
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
    this.#shapes = new NumberShapes();
    this.#functionCall = identityOf(FUNCTION_CALL);
    this.#unknownStatement = identityOf(UNKNOWN_STATEMENT);
    this.#cut = this.#cache();
    this.#other = new StatementTotals(null, null);
    this.#resetAt = now;
  }

  // ------------------------------------------------------------------- private

  #cache(): TextCache<Identity> {
    return new TextCache(this.#limits.maxFingerprints, MAX_CACHED_CHARACTERS);
  }

  #identify({ kind, query }: Statement): Identity {
    if (query === null) return kind === 'function' ? this.#functionCall : this.#unknownStatement;
    const { text, truncated } = query;
    if (truncated) return this.#identifyBy(this.#cut, text, true);
    return (
      this.#whole.getRecent(text) ?? this.#shapes.get(text) ?? this.#identifyBy(this.#whole, text, false)
    );
  }

  #identifyBy(cache: TextCache<Identity>, text: string, truncated: boolean): Identity {
    const known = cache.get(text);
    if (known !== undefined) return known;
    const found = this.#ofNormal(normalize(text, truncated));
    if (truncated || !this.#shapes.set(text, found)) cache.set(text, found);
    return found;
  }

  #ofNormal(normal: string): Identity {
    const isLong = normal.length > MAX_QUERY_CHARACTERS;
    const key = isLong ? fingerprint(normal) : normal;
    const known = this.#entries.get(key);
    if (known !== undefined) return known.identity;
    return isLong ? { key, fingerprint: key, query: beginning(normal), entry: null } : identityOf(normal);
  }

  #entryOf(identity: Identity): Entry {
    const { entry } = identity;
    if (entry?.kept === true) return entry;
    return (identity.entry = this.#entries.get(identity.key) ?? this.#enter(identity));
  }

  #enter(identity: Identity): Entry {
    if (this.#entries.size >= this.#limits.maxFingerprints) this.#makeRoom();
    const entry = { identity, totals: new StatementTotals(identity.fingerprint, identity.query), kept: true };
    this.#entries.set(identity.key, entry);
    return entry;
  }

  #makeRoom(): void {
    const bySize = [...this.#entries].toSorted(
      ([, { totals: a }], [, { totals: b }]) => a.bytes - b.bytes || a.R.lastAt - b.R.lastAt,
    );
    const count = Math.ceil(this.#limits.maxFingerprints * FOLDED_AT_ONCE);
    for (const [key, entry] of bySize.slice(0, count)) {
      this.#other.fold(entry.totals);
      entry.kept = false;
      this.#entries.delete(key);
    }
  }
}

function identityOf(normal: string): Identity {
  return { key: normal, fingerprint: fingerprint(normal), query: normal, entry: null };
}

/** The beginning of a text, in a string that does not keep the whole one. */
function beginning(text: string): string {
  return Buffer.from(`${text.slice(0, MAX_QUERY_CHARACTERS)}…`).toString();
}
