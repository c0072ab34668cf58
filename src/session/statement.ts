import type { QueryText } from '../wire/frontend_bodies.ts';
import { Account, type Flow } from './account.ts';
import type { CopyIn } from './copy_in.ts';
import type { TlsRecordCounts } from './tls_records.ts';

export type StatementKind =
  'query' | 'execute' | 'copy_in' | 'copy_out' | 'copy_both' | 'function' | 'prepare';

/**
 * How a statement ended. `cancelled`: the server reported SQLSTATE 57014. `aborted`: its connection was lost, or the
 * server skipped it because an earlier one of the same pipeline had failed. `open`: it has not ended.
 */
export type Outcome = 'ok' | 'error' | 'cancelled' | 'aborted' | 'open';

/** What one CommandComplete (or EmptyQueryResponse) of a Query with several SQL commands ended. */
export interface StatementPart {
  readonly tag: string | null;
  readonly rows: number | null;
  /** Bytes sent by the server for this part, its CommandComplete included. */
  readonly bytesS: number;
}

/** Offsets in a stream of bytes, from 0: `[from, to)`. */
export type Range = readonly [from: number, to: number];

/** Ranges kept of one statement's bytes in one direction; where there are more, none is known. */
const MAX_RANGES = 64;

/** Parts kept of one statement; later ones are only counted. */
export const MAX_PARTS = 64;

/** SQLSTATE query_canceled. */
const QUERY_CANCELED = '57014';

/**
 * The unit of attribution: one Query, one execution of the extended protocol, one COPY, one FunctionCall, one
 * prepare. Times are milliseconds of the session's clock, 0 when the thing has not happened.
 */
export class Statement extends Account {
  readonly seq: number;
  kind: StatementKind;
  /** Its SQL; null when that was never seen, or when there is none. */
  readonly query: QueryText | null;
  /** What it shares with the statements that differ in constants only; null until it is entered in the statistics. */
  fingerprint: string | null = null;
  outcome: Outcome = 'open';
  sqlstate: string | null = null;
  /** When the ErrorResponse that decided its outcome was read. */
  failedAt = 0;
  tag: string | null = null;
  /** Row count of the last command tag. */
  taggedRows: number | null = null;
  /** DataRow messages, and CopyData messages sent by the server, so far. */
  dataMessages = 0;
  /** Execute messages: more than one when a portal was fetched piece by piece. */
  fetches = 0;
  /** CommandComplete and EmptyQueryResponse messages. */
  completions = 0;
  /** One entry per completion, from the second completion on. */
  parts: StatementPart[] | null = null;
  #bytesAtCompletion = 0;

  /** When its last reply byte had been handed on. */
  endedAt = 0;
  clientStallMs = 0;
  serverStallMs = 0;
  /** Time behind its first reply byte in which the server waited for the client's next message. */
  clientWaitMs = 0;

  /** Nothing is owed to it any more; its figures become final once its last bytes are handed on. */
  done = false;
  /** A portal of it can be fetched from again. */
  suspended = false;
  /** It has not been executed, and its Sync has not come back: an Execute may still follow. */
  waitsForSync = false;
  /** It is, or is meant to be, a COPY FROM STDIN; null when it is none. */
  copyIn: CopyIn | null = null;

  /** Where its bytes stand in the streams of the server's socket, if TLS makes these others than the protocol's. */
  onSocket: { readonly R: Range; readonly S: Range } | null = null;
  /** Null where nothing is known of either leg; of a leg, without TLS of our own. */
  tlsRecords: { readonly client: TlsRecordCounts | null; readonly server: TlsRecordCounts | null } | null =
    null;
  /** Where its bytes stood before those of others came between. */
  #earlier: { readonly R: Range[]; readonly S: Range[] } | null = null;

  /** Neighbours in the session's list of statements that are not closed. */
  previousOpen: Statement | null = null;
  nextOpen: Statement | null = null;

  constructor(seq: number, kind: StatementKind, query: QueryText | null) {
    super();
    this.seq = seq;
    this.kind = kind;
    this.query = query;
  }

  /** The server asked for copy data, and the client has not ended its side. */
  get copyInOpen(): boolean {
    return this.copyIn !== null && this.copyIn.open;
  }

  /** Rows returned or affected: the command tag's count, or what has been seen while there is no tag. */
  get rows(): number | null {
    if (this.tag !== null) return this.taggedRows;
    return this.dataMessages > 0 ? this.dataMessages : null;
  }

  /**
   * Enters a CommandComplete or EmptyQueryResponse, whose bytes have been booked already.
   *
   * @param unseen bytes of that message that are still to come
   */
  complete(tag: string | null, rows: number | null, unseen = 0): void {
    this.completions += 1;
    this.suspended = false;
    const bytesS = this.S.bytes + unseen;
    if (this.completions > 1) {
      this.parts ??= [{ tag: this.tag, rows: this.taggedRows, bytesS: this.#bytesAtCompletion }];
      if (this.parts.length < MAX_PARTS) {
        this.parts.push({ tag, rows, bytesS: bytesS - this.#bytesAtCompletion });
      }
    }
    this.#bytesAtCompletion = bytesS;
    this.tag = tag;
    this.taggedRows = rows;
  }

  /** Enters an ErrorResponse. */
  fail(sqlstate: string, now: number): void {
    this.suspended = false;
    if (this.outcome !== 'open') return;
    this.sqlstate = sqlstate;
    this.failedAt = now;
    this.outcome = sqlstate === QUERY_CANCELED ? 'cancelled' : 'error';
  }

  override interrupted(flow: Flow): void {
    this.#earlier ??= { R: [], S: [] };
    const ranges = flow === this.R ? this.#earlier.R : this.#earlier.S;
    if (ranges.length < MAX_RANGES) ranges.push([flow.from, flow.to]);
  }

  /** Where its bytes stand in the protocol stream of a direction; null where they are too scattered to be kept. */
  ranges(direction: 'R' | 'S'): Range[] | null {
    const flow = this[direction];
    if (flow.bytes === 0) return [];
    const earlier = this.#earlier?.[direction] ?? [];
    return earlier.length < MAX_RANGES ? [...earlier, [flow.from, flow.to]] : null;
  }

  /** The server will not answer it. */
  abort(): void {
    if (this.outcome === 'open') this.outcome = 'aborted';
  }
}
