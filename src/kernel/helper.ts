import type { AttachRecord, DetachRecord } from './records.ts';

/** Methods that look at sockets now and then, and see no operation. */
const TOTALS_ONLY: ReadonlySet<string> = new Set(['ss']);

/** Events of calls that the kernel may not tell: what it tells later stands at offsets that are too small then. */
const WITHOUT_HOLES: ReadonlySet<string> = new Set(['tracepoints', 'fentry', 'kprobes']);

/** One helper from its attach to its detach. */
export class Helper {
  /** Null when the recording does not begin with it: then its clock tells no time. */
  readonly attach: AttachRecord | null;
  detach: DetachRecord | null = null;
  /** `gone`: it ended without a detach. */
  state: 'attached' | 'detached' | 'gone' = 'attached';
  lost = 0;
  damaged = 0;
  /** It has not answered the last request to write all that is pending. */
  unflushed = false;

  constructor(attach: AttachRecord | null) {
    this.attach = attach;
  }

  get seesOperations(): boolean {
    return !TOTALS_ONLY.has(this.attach?.method ?? '');
  }

  /** It has missed calls, and where they were is not to be seen in the offsets. */
  get missedCalls(): boolean {
    return this.lost > 0 && WITHOUT_HOLES.has(this.attach?.events ?? '');
  }

  get detachedAt(): number | null {
    return this.detach === null ? null : this.timeOf(this.detach.clockUs);
  }

  /** Milliseconds since 1970 of a reading of its clock; null when not known. */
  timeOf(clockUs: number): number | null {
    const { attach } = this;
    return attach === null ? null : attach.at + (clockUs - attach.clockUs) / 1000;
  }
}
