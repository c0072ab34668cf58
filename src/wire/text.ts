const NUL = 0;

/** Index of the NUL that ends the string at `from`, or -1 when there is none before `to`. */
export function endOfString(buffer: Buffer, from: number, to: number): number {
  // Short strings (names) are the rule: a loop beats the call into native code.
  const near = Math.min(to, from + 32);
  for (let at = from; at < near; at += 1) if (buffer[at] === NUL) return at;
  if (near === to) return -1;
  const at = buffer.indexOf(NUL, near);
  return at < 0 || at >= to ? -1 : at;
}

/** Decodes `buffer[from, to)` as UTF-8. Bytes that are no UTF-8 become U+FFFD; see encodings.ts for other encodings. */
export function decodeText(buffer: Buffer, from: number, to: number): string {
  return buffer.toString('utf8', from, to);
}

/** Most texts of a start-up are those of the session before. */
const RECENT_TEXTS = 256;
const recentTexts: string[] = Array.from({ length: RECENT_TEXTS }, () => '');

/** As {@link decodeText}, or as `decode`, for texts that come again and again: sessions then have one copy of them. */
export function decodeCommonText(
  buffer: Buffer,
  from: number,
  to: number,
  decode: typeof decodeText = decodeText,
): string {
  if (to === from) return '';
  const slot = (buffer[from]! + 31 * buffer[to - 1]! + 7 * (to - from)) & (RECENT_TEXTS - 1);
  const recent = recentTexts[slot]!;
  return isAscii(recent, buffer, from, to) ? recent : (recentTexts[slot] = decode(buffer, from, to));
}

/** Whether `buffer[from, to)` is this text, in ASCII. */
export function isAscii(text: string, buffer: Buffer, from: number, to: number): boolean {
  if (text.length !== to - from) return false;
  for (let at = 0; at < text.length; at += 1) {
    const byte = buffer[from + at]!;
    if (byte > 0x7f || text.charCodeAt(at) !== byte) return false;
  }
  return true;
}

/** The largest end `<= to` that does not lie within a UTF-8 character of `buffer[from, …)`. */
export function characterBoundary(buffer: Buffer, from: number, to: number): number {
  let start = to - 1;
  const limit = Math.max(from, to - 4);
  while (start >= limit && isContinuation(buffer[start]!)) start -= 1;
  if (start < limit) return to;
  return start + characterLength(buffer[start]!) > to ? start : to;
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

function characterLength(lead: number): number {
  if (lead < 0xc0) return 1;
  if (lead < 0xe0) return 2;
  return lead < 0xf0 ? 3 : 4;
}
