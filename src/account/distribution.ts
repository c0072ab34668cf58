// The whole package takes 46 ms to load, for its WebAssembly twin; this one class takes 6.
import int32Histogram from 'hdr-histogram-js/dist/Int32Histogram.js';

/** Below this, shifts find where a value is counted, in place of logarithms and powers. */
const SHIFTABLE = 2 ** 31;

/** The package's histogram of whole numbers, with a faster way to the counter, and to several quantiles. */
class Histogram extends int32Histogram.default {
  override countsArrayIndex(value: number): number {
    if (!(value < SHIFTABLE)) return super.countsArrayIndex(value);
    const magnitude = this.subBucketHalfCountMagnitude;
    const bucket = Math.max(31 - Math.clz32(value) - magnitude, 0);
    return (bucket << magnitude) + (value >>> bucket);
  }

  /**
   * In one pass what getValueAtPercentile has in one for each: the largest value that the histogram cannot tell from the
   * one asked for.
   *
   * @param percents whole numbers, ascending
   */
  valuesAtPercents(percents: readonly number[]): number[] {
    const values: number[] = [];
    let counted = 0;
    for (let index = -1; values.length < percents.length && index < this.countsArrayLength;) {
      const wanted = Math.max(Math.ceil((this.totalCount * percents[values.length]!) / 100), 1);
      while (counted < wanted && ++index < this.countsArrayLength) counted += this.getCountAtIndex(index);
      values.push(this.highestEquivalentValue(this.valueFromIndex(index)));
    }
    return values;
  }

  /** How many values are at most each of these bounds, ascending; in one pass, and as exact as the histogram is. */
  countsUpTo(bounds: readonly number[]): number[] {
    const counts: number[] = [];
    let counted = 0;
    for (let index = 0; index < this.countsArrayLength && counts.length < bounds.length; index += 1) {
      const lowest = this.valueFromIndex(index);
      while (counts.length < bounds.length && lowest > bounds[counts.length]!) counts.push(counted);
      counted += this.getCountAtIndex(index);
    }
    while (counts.length < bounds.length) counts.push(counted);
    return counts;
  }

  /** Which counters are not 0, each followed by what it has counted. */
  counters(): number[] {
    const counters: number[] = [];
    for (let index = 0; index < this.countsArrayLength; index += 1) {
      const count = this.getCountAtIndex(index);
      if (count > 0) counters.push(index, count);
    }
    return counters;
  }
}

const QUANTILES = [50, 95, 99] as const;
const SIGNIFICANT_DIGITS = 2;
/** The histogram's counters have 32 bits, and throw when one is full. */
const MAX_COUNT = 2 ** 31 - 1;

export interface Quantiles {
  p50: number;
  p95: number;
  p99: number;
  max: number;
}

/** A distribution as data that can be sent and kept; what is not there is 0. */
export interface PlainDistribution {
  readonly count: number;
  readonly max: number;
  /** All values, if they are equal. */
  readonly value?: number;
  /** Otherwise the counters of a histogram of two significant digits, each followed by what it has counted. */
  readonly counters?: readonly number[];
}

/**
 * How values >= 0 of one kind are spread: quantiles within 1 %, and the exact maximum.
 *
 * As long as all values are equal, which is the rule for what a prepared statement sends, it is two numbers. After that
 * it is a histogram of about 2 kB for values up to a thousand, 7 kB for up to a million, and 512 bytes more for each
 * doubling. From 2^31 values on only the maximum changes.
 */
export class Distribution {
  /** All values, as long as they are equal. */
  #value = 0;
  #count = 0;
  #max = 0;
  #histogram: Histogram | null = null;
  /** The quantiles of the first so many values: most of a report's are those of the report before. */
  #latest: { readonly count: number; readonly values: readonly number[] } = { count: 0, values: [] };

  /** What {@link toPlain} gave. */
  static fromPlain({ count, max, value = 0, counters }: PlainDistribution): Distribution {
    const distribution = new Distribution();
    if (counters === undefined) distribution.#value = value;
    else {
      const histogram = distribution.#spread();
      for (let at = 0; at + 1 < counters.length; at += 2)
        histogram.recordValueWithCount(histogram.valueFromIndex(counters[at]!), counters[at + 1]!);
    }
    distribution.#count = count;
    distribution.#max = max;
    return distribution;
  }

  toPlain(): PlainDistribution {
    const [count, max, histogram] = [this.#count, this.#max, this.#histogram];
    return histogram === null
      ? { count, max, value: this.#value }
      : { count, max, counters: histogram.counters() };
  }

  record(value: number): void {
    this.recordTimes(value, 1);
  }

  recordTimes(value: number, times: number): void {
    if (!(value >= 0)) return;
    if (value > this.#max) this.#max = value;
    if (this.#count + times > MAX_COUNT) return;
    if (this.#histogram !== null) {
      if (times === 1) this.#histogram.recordValue(value);
      else this.#histogram.recordValueWithCount(value, times);
    } else if (this.#count === 0) this.#value = value;
    else if (value !== this.#value) this.#spread().recordValueWithCount(value, times);
    this.#count += times;
  }

  add(other: Distribution): void {
    if (other.#histogram === null) {
      if (other.#count > 0) this.recordTimes(other.#value, other.#count);
      return;
    }
    if (other.#max > this.#max) this.#max = other.#max;
    if (this.#count + other.#count > MAX_COUNT) return;
    (this.#histogram ?? this.#spread()).add(other.#histogram);
    this.#count += other.#count;
  }

  /** Of no values at all: zeros. */
  quantiles(): Quantiles {
    const histogram = this.#histogram;
    const max = this.#max;
    if (histogram === null) return { p50: this.#value, p95: this.#value, p99: this.#value, max };
    if (this.#latest.count !== this.#count)
      this.#latest = { count: this.#count, values: histogram.valuesAtPercents(QUANTILES) };
    const [p50, p95, p99] = this.#latest.values.map((value) => Math.min(value, max));
    return { p50: p50!, p95: p95!, p99: p99!, max };
  }

  /** How many values are at most each of these bounds, ascending, within 1 % of the bound. */
  countsUpTo(bounds: readonly number[]): number[] {
    const histogram = this.#histogram;
    if (histogram === null) return bounds.map((bound) => (this.#value <= bound ? this.#count : 0));
    return histogram.countsUpTo(bounds);
  }

  /** Turns the equal values so far into a histogram. */
  #spread(): Histogram {
    const histogram = new Histogram(1, 2, SIGNIFICANT_DIGITS);
    histogram.autoResize = true;
    if (this.#count > 0) histogram.recordValueWithCount(this.#value, this.#count);
    this.#histogram = histogram;
    return histogram;
  }
}
