import { serialize } from 'pg-protocol';
import { decodeErrorFields } from '../wire/backend_bodies.ts';
import { HEADER_BYTES } from '../wire/framer.ts';
import { Backend, Frontend } from '../wire/message_types.ts';
import type { Exchange, PendingReplies } from './pending_replies.ts';

/** Name of the hidden prepared statement and portal, which exist for the length of one statement only. */
const NAME = '_pgnetflow';

export interface HiddenStatement {
  readonly sql: string;
  readonly values: readonly string[];
}

export interface Outcome {
  /** Values of all rows, in text format. */
  readonly rows: readonly (readonly (string | null)[])[];
  /** Why it failed; null when it did not. */
  readonly error: string | null;
}

/** Statements of pgnetflow's own in a client's session, in the extended protocol and under names of their own. */
export class HiddenExchange implements Exchange {
  /** In a pipeline of the client's: an error is the client's, too, for the server skips what the client sends behind it. */
  readonly isInPipeline: boolean;
  readonly #rows: (string | null)[][] = [];
  readonly #resolve: (outcome: Outcome) => void;
  #error: string | null = null;

  /**
   * Sends statements.
   *
   * @param isInPipeline the client has sent messages without a Sync: a Sync would end its transaction
   * @returns the bytes to send, and what becomes of them
   */
  static begin(
    statements: readonly HiddenStatement[],
    isInPipeline: boolean,
    pending: PendingReplies,
  ): { readonly bytes: Buffer; readonly outcome: Promise<Outcome> } {
    let resolve: (outcome: Outcome) => void = () => undefined;
    const outcome = new Promise<Outcome>((done) => (resolve = done));
    const exchange = new HiddenExchange(isInPipeline, resolve);
    const messages: Buffer[] = [];
    const send = (type: number, message: Buffer, isLast = false): void => {
      messages.push(message);
      pending.sent(type, exchange, isLast);
    };
    for (const [at, { sql, values }] of statements.entries()) {
      // One that an error has left behind.
      send(Frontend.Close, serialize.close({ type: 'S', name: NAME }));
      send(Frontend.Parse, serialize.parse({ name: NAME, text: sql, types: [] }));
      send(Frontend.Bind, serialize.bind({ portal: NAME, statement: NAME, values: [...values] }));
      send(Frontend.Execute, serialize.execute({ portal: NAME, rows: 0 }));
      send(Frontend.Close, serialize.close({ type: 'P', name: NAME }));
      const isLast = isInPipeline && at === statements.length - 1;
      send(Frontend.Close, serialize.close({ type: 'S', name: NAME }), isLast);
    }
    if (isInPipeline) messages.push(serialize.flush());
    else send(Frontend.Sync, serialize.sync(), true);
    return { bytes: Buffer.concat(messages), outcome };
  }

  /** Sends SQL commands that have no answer, in the simple protocol. */
  static beginScript(
    sql: string,
    pending: PendingReplies,
  ): { readonly bytes: Buffer; readonly outcome: Promise<Outcome> } {
    let resolve: (outcome: Outcome) => void = () => undefined;
    const outcome = new Promise<Outcome>((done) => (resolve = done));
    pending.sent(Frontend.Query, new HiddenExchange(false, resolve), true);
    return { bytes: serialize.query(sql), outcome };
  }

  private constructor(isInPipeline: boolean, resolve: (outcome: Outcome) => void) {
    this.isInPipeline = isInPipeline;
    this.#resolve = resolve;
  }

  reply(type: number, message: Buffer): void {
    if (type === Backend.DataRow) {
      if (message.length > message.readInt32BE(1)) this.#rows.push(decodeRow(message));
      else this.#error ??= 'a row is too long to be read';
    } else if (type === Backend.ErrorResponse)
      this.#error ??= decodeErrorFields(message, HEADER_BYTES, message.length).message;
  }

  done(): void {
    this.#resolve({ rows: this.#rows, error: this.#error });
  }
}

/** The values of a DataRow whose columns are in text format. */
function decodeRow(message: Buffer): (string | null)[] {
  const values: (string | null)[] = [];
  let at = HEADER_BYTES + 2;
  for (let left = message.readUInt16BE(HEADER_BYTES); left > 0; left -= 1) {
    const length = message.readInt32BE(at);
    at += 4;
    values.push(length < 0 ? null : message.toString('utf8', at, at + length));
    at += Math.max(length, 0);
  }
  return values;
}
