import { type Encoding, UTF8 } from './encodings.ts';
import { decodeCommonText, endOfString } from './text.ts';

/** A query's text, cut to what was gathered of it. */
export interface QueryText {
  readonly text: string;
  /** Length of the whole text in bytes, without its NUL. */
  readonly bytes: number;
  readonly truncated: boolean;
}

/**
 * Text of a Query body, of which at most `maxBytes` are kept.
 *
 * @param bodyLength length of the whole body; `buffer[from, to)` may hold less
 */
export function decodeQuery(
  buffer: Buffer,
  from: number,
  to: number,
  bodyLength: number,
  maxBytes = Number.POSITIVE_INFINITY,
  encoding: Encoding = UTF8,
): QueryText {
  return decodeQueryText(buffer, from, to, Math.max(bodyLength - 1, 0), maxBytes, encoding);
}

/** Name and text of a Parse body, at most `maxBytes` of the text; null when the name's end was not gathered. */
export function decodeParse(
  buffer: Buffer,
  from: number,
  to: number,
  bodyLength: number,
  maxBytes = Number.POSITIVE_INFINITY,
  encoding: Encoding = UTF8,
): { name: string; query: QueryText } | null {
  const nameEnd = endOfString(buffer, from, to);
  if (nameEnd < 0) return null;
  const queryFrom = nameEnd + 1;
  const queryEnd = endOfString(buffer, queryFrom, to);
  // Without its NUL the text goes on behind what was gathered; the parameter types at its end are not told apart.
  const bytes = queryEnd < 0 ? bodyLength - (queryFrom - from) - 3 : queryEnd - queryFrom;
  return {
    name: decodeCommonText(buffer, from, nameEnd, encoding.decode),
    query: decodeQueryText(
      buffer,
      queryFrom,
      queryEnd < 0 ? to : queryEnd,
      Math.max(bytes, 0),
      maxBytes,
      encoding,
    ),
  };
}

/** Portal and prepared statement that a Bind body names; null when their ends were not gathered. */
export function decodeBind(
  buffer: Buffer,
  from: number,
  to: number,
  encoding: Encoding = UTF8,
): { portal: string; statement: string } | null {
  const portalEnd = endOfString(buffer, from, to);
  if (portalEnd < 0) return null;
  const statementEnd = endOfString(buffer, portalEnd + 1, to);
  if (statementEnd < 0) return null;
  return {
    portal: decodeCommonText(buffer, from, portalEnd, encoding.decode),
    statement: decodeCommonText(buffer, portalEnd + 1, statementEnd, encoding.decode),
  };
}

/** What a Describe or Close body names; null when the name's end was not gathered. */
export function decodeTarget(
  buffer: Buffer,
  from: number,
  to: number,
  encoding: Encoding = UTF8,
): { of: 'statement' | 'portal'; name: string } | null {
  const end = endOfString(buffer, from + 1, to);
  if (end < 0) return null;
  return {
    of: buffer[from] === 0x53 ? 'statement' : 'portal',
    name: decodeCommonText(buffer, from + 1, end, encoding.decode),
  };
}

/** Portal that an Execute body names; null when the name's end was not gathered. */
export function decodeExecute(
  buffer: Buffer,
  from: number,
  to: number,
  encoding: Encoding = UTF8,
): string | null {
  const end = endOfString(buffer, from, to);
  return end < 0 ? null : decodeCommonText(buffer, from, end, encoding.decode);
}

function decodeQueryText(
  buffer: Buffer,
  from: number,
  to: number,
  bytes: number,
  maxBytes: number,
  encoding: Encoding,
): QueryText {
  const available = Math.min(Math.max(to - from, 0), maxBytes);
  if (available >= bytes)
    return { text: encoding.decode(buffer, from, from + bytes), bytes, truncated: false };
  const end = encoding.boundary(buffer, from, from + available);
  return { text: encoding.decode(buffer, from, end), bytes, truncated: true };
}
