import type { StatementRecord } from '../report/model.ts';

/** Type and length of a message. */
const HEADER = 5;
const COPY_DONE = HEADER;
const READY_FOR_QUERY = HEADER + 1;

/** Columns of the experiment's table. */
const COLUMNS = 3;
/** Format of the whole, number of columns, format of each column. */
const COPY_OUT_RESPONSE = HEADER + 1 + 2 + 2 * COLUMNS;

/** The CopyData messages of a COPY, and all that it moved in the same direction besides. */
export interface CopyRows {
  /** Of the rows themselves, without the headers of the messages. */
  readonly bytes: number;
  /** CopyData messages. */
  readonly messages: number;
  /** Bytes of the other messages. */
  readonly rest: number;
}

/** A COPY to stdout: the server sends CopyOutResponse, CopyData …, CopyDone, CommandComplete, ReadyForQuery. */
export function rowsSent({ S, tag }: StatementRecord): CopyRows {
  const commandComplete = HEADER + Buffer.byteLength(tag ?? '') + 1;
  return rows(S.bytes, S.messages - 4, COPY_OUT_RESPONSE + COPY_DONE + commandComplete + READY_FOR_QUERY);
}

/** A COPY from stdin: the client sends Query, CopyData …, CopyDone. */
export function rowsReceived({ R, query_bytes }: StatementRecord): CopyRows {
  const query = HEADER + (query_bytes ?? 0) + 1;
  return rows(R.bytes, R.messages - 2, query + COPY_DONE);
}

function rows(bytes: number, messages: number, rest: number): CopyRows {
  return { bytes: bytes - rest - HEADER * messages, messages, rest };
}
