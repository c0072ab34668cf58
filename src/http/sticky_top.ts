import type { FingerprintRecord } from '../report/model.ts';

/** What makes a statement's figures one row of numbers that can be added up. */
export type Vector = (record: FingerprintRecord) => readonly number[];

/** A statement with figures of its own, or all others together. */
export interface TopRow {
  /** Null: all others. */
  readonly fingerprint: string | null;
  readonly query: string | null;
  readonly figures: readonly number[];
}

interface Place {
  readonly query: string | null;
  /** What it had when it came, and is in the figures of the others since. */
  before: readonly number[];
  /** The figures of its earlier lives: a fingerprint that was folded away and comes back starts anew. */
  carried: readonly number[];
  latest: readonly number[];
}

/**
 * Which statements are exported with figures of their own: as many as there are places, the largest by bytes first. One
 * that has a place keeps it, and all others are added up, so that
 *
 * - the number of series is bounded, and they do not come and go with each change of the order;
 * - each figure only grows, and all of them add up to those of all statements.
 *
 * Half of the places are for whoever comes first. The other half is for those that move their part of all bytes, so that
 * a large statement that first comes at night finds a place, though hundreds of small ones came before it.
 */
export class StickyTop {
  readonly #places: number;
  readonly #vector: Vector;
  readonly #kept = new Map<string, Place>();
  /** What was among the others the last time. */
  #others = new Set<string>();

  constructor(places: number, vector: Vector) {
    this.#places = places;
    this.#vector = vector;
  }

  /** @param records of all statements, the largest by bytes first */
  rows(records: readonly FingerprintRecord[]): TopRow[] {
    let total: readonly number[] | null = null;
    const others = new Set<string>();
    const allBytes = records.reduce((sum, record) => sum + bytesOf(record), 0);
    for (const record of records) {
      const figures = this.#vector(record);
      total = total === null ? figures : plus(total, figures);
      const { fingerprint } = record;
      if (fingerprint === null) continue;
      const place = this.#kept.get(fingerprint) ?? this.#enter(fingerprint, record, figures, allBytes);
      if (place === null) others.add(fingerprint);
      else update(place, figures);
    }
    this.#others = others;
    if (total === null) return [];
    const rows = [...this.#kept].map(([fingerprint, place]) => ({
      fingerprint,
      query: place.query,
      figures: minus(plus(place.carried, place.latest), place.before),
    }));
    const rest = rows.reduce((left, row) => minus(left, row.figures), total);
    return [...rows, { fingerprint: null, query: null, figures: rest }];
  }

  #enter(
    fingerprint: string,
    record: FingerprintRecord,
    figures: readonly number[],
    allBytes: number,
  ): Place | null {
    const taken = this.#kept.size;
    if (taken >= this.#places) return null;
    if (taken >= Math.ceil(this.#places / 2) && bytesOf(record) * 2 * this.#places < allBytes) return null;
    const nothing = figures.map(() => 0);
    const before = this.#others.has(fingerprint) ? figures : nothing;
    const place = { query: record.query, before, carried: nothing, latest: figures };
    this.#kept.set(fingerprint, place);
    return place;
  }
}

function update(place: Place, figures: readonly number[]): void {
  // Each figure only grows, so one that is smaller belongs to a new life.
  if (figures.some((figure, at) => figure < place.latest[at]!))
    place.carried = plus(place.carried, place.latest);
  place.latest = figures;
}

function bytesOf({ R, S }: FingerprintRecord): number {
  return R.bytes + S.bytes;
}

function plus(a: readonly number[], b: readonly number[]): readonly number[] {
  return a.map((figure, at) => figure + b[at]!);
}

function minus(a: readonly number[], b: readonly number[]): readonly number[] {
  return a.map((figure, at) => figure - b[at]!);
}
