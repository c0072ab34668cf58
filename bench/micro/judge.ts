import { spread } from '../statistics.ts';

/** What a change did to one figure, of which less is better. */
export interface Judgement {
  /** Median after the change to the median before it. */
  readonly ratio: number;
  /** How far figures of one side lie apart by themselves: half of the middle half's width, relative to the median. */
  readonly noise: number;
  readonly verdict: 'worse' | 'better' | 'same';
}

/** A change for the worse that is not accepted. */
export const TOLERANCE = 0.1;

/**
 * Compares a figure before and after a change, each measured several times in turns.
 *
 * @throws when a side has no figures
 */
export function judgeChange(before: readonly number[], after: readonly number[]): Judgement {
  const [one, other] = [spread(before), spread(after)];
  if (one === null || other === null) throw new Error('a side was not measured');
  const ratio = other.median / one.median;
  const noise = Math.max(noiseOf(before, one.median), noiseOf(after, other.median));
  const least = TOLERANCE + noise;
  const verdict = ratio > 1 + least ? 'worse' : ratio < 1 / (1 + least) ? 'better' : 'same';
  return { ratio, noise, verdict };
}

const SLACK_BYTES = 4;

/** Bytes allocated per message hardly vary; what is below the smallest object is not of the message. */
export function judgeAllocation(before: number, after: number): Judgement['verdict'] {
  if (after > before * (1 + TOLERANCE) + SLACK_BYTES) return 'worse';
  return before > after * (1 + TOLERANCE) + SLACK_BYTES ? 'better' : 'same';
}

function noiseOf(figures: readonly number[], median: number): number {
  const sorted = figures.toSorted((one, other) => one - other);
  const quartile = (part: number): number => sorted[Math.round((sorted.length - 1) * part)]!;
  return (quartile(0.75) - quartile(0.25)) / 2 / median;
}
