import type { TraceRecord } from './record.ts';

/** The kernel keeps a buffer per processor, and they are read one after another, all within this time. */
const LATEST_US = 500_000;

/** Puts records into the order of time in which they were made, which is at the end of what took time. */
export class InOrder {
  #waiting: TraceRecord[] = [];
  readonly #emit: (record: TraceRecord) => void;

  constructor(emit: (record: TraceRecord) => void) {
    this.#emit = emit;
  }

  add(record: TraceRecord): void {
    if (record.type === 'tick') this.#release(record.at_us - LATEST_US);
    this.#waiting.push(record);
    if (record.type === 'detach') this.end();
  }

  /** No more will come. */
  end(): void {
    this.#release(Infinity);
  }

  #release(untilUs: number): void {
    const sorted = this.#waiting.toSorted((one, other) => madeAtUs(one) - madeAtUs(other));
    const rest = sorted.findIndex((record) => madeAtUs(record) > untilUs);
    const count = rest < 0 ? sorted.length : rest;
    this.#waiting = sorted.slice(count);
    for (const record of sorted.slice(0, count)) this.#emit(record);
  }
}

function madeAtUs(record: TraceRecord): number {
  if (record.type === 'lost') return 0;
  return 'duration_us' in record ? record.at_us + record.duration_us : record.at_us;
}
