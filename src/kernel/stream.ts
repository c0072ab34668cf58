/** Consecutive operations in one direction, without one in the other direction between them. */
export interface Run {
  readonly from: number;
  to: number;
  ops: number;
  /** Time in them; null when not known. */
  us: number | null;
  /** It stands for several runs that were too many to be kept. */
  folded: boolean;
}

/**
 * Bytes of which no operation was seen. `before`: they had moved when the helper attached. `between`: while none was
 * attached. `lost`: the records of them are missing.
 */
export interface Hole {
  readonly from: number;
  readonly to: number;
  readonly why: 'before' | 'between' | 'lost';
}

/** Records of one socket that cannot both be true. */
export interface Contradiction {
  readonly at: number;
  readonly expected: number;
}

/** One direction of one socket as the kernel tells it, by offset in the stream of its bytes. */
export class Stream {
  readonly runs: Run[] = [];
  readonly holes: Hole[] = [];
  /** The first one met. */
  contradiction: Contradiction | null = null;
  /** Offset up to which the stream is accounted for. */
  end = 0;
  /** Its offsets count from an unknown one. */
  relative = false;
  /** Operations seen, the bytes that they moved, the time in them. */
  ops = 0;
  seen = 0;
  us: number | null = null;
  /** Largest total that was told by the way. */
  told: number | null = null;
  #lastUs = 0;

  /** The socket is watched from here on. */
  begin(at: number | null, why: 'before' | 'between'): void {
    if (at === null) this.relative = true;
    else this.#skipTo(at, why);
  }

  /**
   * A run, or a piece of one.
   *
   * @param goesOn the last record of this socket was one of this direction, too
   * @returns how many runs more there are
   */
  add(from: number, bytes: number, ops: number, us: number | null, lastUs: number, goesOn: boolean): 0 | 1 {
    const whole = from === this.end;
    this.#skipTo(from, 'lost');
    this.end = from + bytes;
    this.ops += ops;
    this.seen += bytes;
    if (us !== null) this.us = (this.us ?? 0) + us;
    this.#lastUs = Math.max(this.#lastUs, lastUs);
    const last = this.runs.at(-1);
    if (goesOn && whole && last !== undefined) {
      last.to = this.end;
      last.ops += ops;
      last.us = add(last.us, us);
      return 0;
    }
    this.runs.push({ from, to: this.end, ops, us, folded: false });
    return 1;
  }

  /** A total that was told by the way: what is still pending may be in it. */
  tell(total: number | null, clockUs: number): void {
    if (total === null || this.relative) return;
    const least = clockUs >= this.#lastUs ? this.end : 0;
    if (total < Math.max(least, this.told ?? 0)) this.#contradict(total);
    this.told = Math.max(total, this.told ?? 0);
  }

  /** The total at the end of the socket, behind which nothing is pending. */
  close(total: number | null, seesOperations: boolean): void {
    if (total === null || this.relative) return;
    if (total < (this.told ?? 0)) this.#contradict(total);
    this.told = total;
    if (seesOperations) this.#skipTo(total, 'lost');
  }

  /** Adds the older half of the runs up to one. @returns how many runs fewer there are */
  fold(): number {
    const count = Math.ceil(this.runs.length / 2);
    if (count < 2) return 0;
    const old = this.runs.splice(0, count);
    const sum: Run = { ...old[0]!, ops: 0, us: null, to: old.at(-1)!.to, folded: true };
    for (const { ops, us } of old) {
      sum.ops += ops;
      sum.us = add(sum.us, us);
    }
    this.runs.unshift(sum);
    return count - 1;
  }

  /** The runs that have bytes between two offsets. */
  *between(from: number, to: number): Generator<Run> {
    let low = 0;
    let high = this.runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.runs[middle]!.to <= from) low = middle + 1;
      else high = middle;
    }
    for (let at = low; at < this.runs.length && this.runs[at]!.from < to; at += 1) yield this.runs[at]!;
  }

  #skipTo(at: number, why: Hole['why']): void {
    if (at > this.end) this.holes.push({ from: this.end, to: at, why });
    else if (at < this.end) this.#contradict(at);
    this.end = at;
  }

  #contradict(at: number): void {
    this.contradiction ??= { at, expected: Math.max(this.end, this.told ?? 0) };
  }
}

function add(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : a + b;
}
