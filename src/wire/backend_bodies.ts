import { type Encoding, UTF8 } from './encodings.ts';
import { decodeCommonText, endOfString, isAscii } from './text.ts';

/** A CommandComplete body. */
export interface CommandTag {
  readonly tag: string;
  /** The number that ends the tag; null for a command that has none (`CREATE TABLE`). */
  readonly rows: number | null;
}

const NO_TAG: CommandTag = { tag: '', rows: null };

/** Most replies have one of a few tags, so that it is seldom worth while to decode one. */
const RECENT_TAGS = 16;
const recentTags: (CommandTag | null)[] = Array.from({ length: RECENT_TAGS }, () => null);

/** Command tag and row count of a CommandComplete body. */
export function decodeCommandTag(buffer: Buffer, from: number, to: number): CommandTag {
  const nul = endOfString(buffer, from, to);
  const end = nul < 0 ? to : nul;
  if (end === from) return NO_TAG;
  const slot = (buffer[from]! + buffer[end - 1]!) & (RECENT_TAGS - 1);
  const recent = recentTags[slot]!;
  if (recent !== null && isAscii(recent.tag, buffer, from, end)) return recent;
  return (recentTags[slot] = readCommandTag(buffer, from, end));
}

function readCommandTag(buffer: Buffer, from: number, end: number): CommandTag {
  let at = end;
  let rows = 0;
  let unit = 1;
  while (at > from) {
    const digit = buffer[at - 1]! - 0x30;
    if (digit < 0 || digit > 9) break;
    rows += digit * unit;
    unit *= 10;
    at -= 1;
  }
  const counted = at < end && at > from && buffer[at - 1] === 0x20 && Number.isFinite(rows);
  return { tag: buffer.toString('latin1', from, end), rows: counted ? rows : null };
}

/** Fields of an ErrorResponse or NoticeResponse body that pgnetflow uses; missing ones are empty. */
export interface ErrorFields {
  readonly severity: string;
  readonly sqlstate: string;
  readonly message: string;
}

/** Error fields of `buffer[from, to)`, which may be cut anywhere. */
export function decodeErrorFields(
  buffer: Buffer,
  from: number,
  to: number,
  encoding: Encoding = UTF8,
): ErrorFields {
  const fields = { severity: '', sqlstate: '', message: '' };
  let at = from;
  while (at < to && buffer[at] !== 0) {
    const code = buffer[at]!;
    const end = endOfString(buffer, at + 1, to);
    const valueEnd = end < 0 ? to : end;
    const value = (): string => {
      return encoding.decode(buffer, at + 1, end < 0 ? encoding.boundary(buffer, at + 1, to) : end);
    };
    if (code === 0x56) fields.severity = value();
    else if (code === 0x53 && fields.severity === '') fields.severity = value();
    else if (code === 0x43) fields.sqlstate = value();
    else if (code === 0x4d) fields.message = value();
    at = valueEnd + 1;
  }
  return fields;
}

/** Name and value of a ParameterStatus body; null when it was not gathered whole. */
export function decodeParameterStatus(
  buffer: Buffer,
  from: number,
  to: number,
  encoding: Encoding = UTF8,
): { name: string; value: string } | null {
  const nameEnd = endOfString(buffer, from, to);
  if (nameEnd < 0) return null;
  const valueEnd = endOfString(buffer, nameEnd + 1, to);
  if (valueEnd < 0) return null;
  return {
    name: decodeCommonText(buffer, from, nameEnd),
    value: decodeCommonText(buffer, nameEnd + 1, valueEnd, encoding.decode),
  };
}

/**
 * Process id and cancel key of a BackendKeyData body: 4 bytes of key in protocol 3.0, up to 256 in 3.2. The key is a
 * copy. Null when the body is too short.
 */
export function decodeBackendKeyData(
  buffer: Buffer,
  from: number,
  to: number,
): { processId: number; key: Buffer } | null {
  if (to - from < 4) return null;
  return { processId: buffer.readInt32BE(from), key: Buffer.from(buffer.subarray(from + 4, to)) };
}
