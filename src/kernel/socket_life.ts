import { Stream } from './stream.ts';
import type { TcpRecord } from '../report/model.ts';
import type { OpenRecord, RunRecord, TotalsRecord } from './records.ts';
import type { Helper } from './helper.ts';

/** One TCP socket from its first record to its last. */
export class SocketLife {
  /** Its name in the records, as it was told last. */
  sock: string;
  readonly pid: number | null;
  readonly process: string | null;
  readonly local: string;
  readonly remote: string;
  readonly received = new Stream();
  readonly sent = new Stream();
  /** Milliseconds since 1970; null when not known. */
  readonly openedAt: number | null;
  closedAt: number | null = null;
  /** `detached`: its end was not seen. */
  state: 'open' | 'closed' | 'detached' = 'open';
  tcp: TcpRecord | null = null;
  /** Who watched it last. */
  helper: Helper;
  /** A request to write all that is pending was answered after its last record. */
  settled = false;
  #last: RunRecord['dir'] | null = null;

  constructor(open: OpenRecord, helper: Helper, local: string, remote: string) {
    this.sock = open.sock;
    this.pid = open.pid;
    this.process = open.comm;
    this.local = local;
    this.remote = remote;
    this.helper = helper;
    this.openedAt = helper.timeOf(open.clockUs);
    this.received.begin(open.received, 'before');
    this.sent.begin(open.sent, 'before');
  }

  /** Another helper sees a socket with these ends: it can be this one if its offsets are known and none went back. */
  mayGoOn(open: OpenRecord): boolean {
    const goesOn = ({ relative, end }: Stream, at: number | null): boolean =>
      !relative && at !== null && at >= end;
    return this.state === 'detached' && goesOn(this.received, open.received) && goesOn(this.sent, open.sent);
  }

  goOn(open: OpenRecord, helper: Helper): void {
    this.sock = open.sock;
    this.state = 'open';
    this.helper = helper;
    this.settled = false;
    this.#last = null;
    this.received.begin(open.received, 'between');
    this.sent.begin(open.sent, 'between');
  }

  /** @returns how many runs more there are */
  run({ dir, from, bytes, ops, us, lastUs }: RunRecord): 0 | 1 {
    const goesOn = this.#last === dir;
    this.#last = dir;
    this.settled = false;
    const stream = dir === 'send' ? this.sent : this.received;
    return stream.add(from, bytes, ops, us, lastUs ?? 0, goesOn);
  }

  totals({ sent, received, clockUs, tcp }: TotalsRecord): void {
    this.tcp = tcp ?? this.tcp;
    this.sent.tell(sent, clockUs);
    this.received.tell(received, clockUs);
  }

  close({ sent, received, clockUs, tcp }: TotalsRecord): void {
    this.tcp = tcp ?? this.tcp;
    this.state = 'closed';
    this.closedAt = this.helper.timeOf(clockUs);
    this.sent.close(sent, this.helper.seesOperations);
    this.received.close(received, this.helper.seesOperations);
  }

  get runs(): number {
    return this.received.runs.length + this.sent.runs.length;
  }
}
