/**
 * Where PostgreSQL's lexer (src/backend/parser/scan.l) sees a literal or a comment end, with
 * standard_conforming_strings on. One without an end reaches to the end of the text.
 *
 * A text is UTF-8 in `text[0, to)`, followed by NULs: they belong to nothing, so that looking ahead needs no check.
 */
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const QUOTE = 0x27;
const DOLLAR = 0x24;
const STAR = 0x2a;
const PLUS = 0x2b;
const MINUS = 0x2d;
const DOT = 0x2e;
const SLASH = 0x2f;
const BACKSLASH = 0x5c;

/** Bytes that can go on with a word, folded to lower case; 0 for those that cannot. All that is not ASCII can. */
export const WORD_BYTE = wordBytes();

/** End of what the quote at `open` opens, in which a doubled one is one: `'…'` and `"…"`. */
export function endOfQuoted(text: Uint8Array, open: number, to: number): number {
  const quote = text[open];
  for (let at = open + 1; at < to; at += 1) {
    if (text[at] !== quote) continue;
    if (text[at + 1] !== quote) return at + 1;
    at += 1;
  }
  return to;
}

/** End of the `'…'` at `open` in which a backslash takes away the meaning of what follows it: `E'…'`. */
export function endOfEscaped(text: Uint8Array, open: number, to: number): number {
  let at = open + 1;
  while (at < to) {
    const code = text[at]!;
    if (code === BACKSLASH) at += 2;
    else if (code !== QUOTE) at += 1;
    else if (text[at + 1] === QUOTE) at += 2;
    else return at + 1;
  }
  return to;
}

/** End of the `$tag$…$tag$` at `open`, or -1 when no such literal starts there. */
export function endOfDollarQuoted(text: Buffer, open: number, to: number): number {
  let at = open + 1;
  if (isDigit(text[at]!)) return -1;
  while (isWordByte(text[at]!) && text[at] !== DOLLAR) at += 1;
  if (text[at] !== DOLLAR) return -1;
  const tag = text.subarray(open, at + 1);
  const end = text.subarray(0, to).indexOf(tag, at + 1);
  return end < 0 ? to : end + tag.length;
}

/**
 * End of the number at `from`, which starts with a digit or with a dot and a digit. Letters that follow it without a
 * space belong to it: PostgreSQL 15 and later refuse them ("trailing junk after numeric literal"), and a number that
 * is cut off (`0x`, `1e`) leaves nothing behind.
 */
export function endOfNumber(text: Uint8Array, from: number): number {
  // The sign in 1e-5 belongs to the number, the one in 0x1e-5 does not.
  const decimal = (text[from + 1]! | 0x20) !== 0x78;
  let at = from;
  for (;;) {
    const code = text[at]!;
    if (code === DOT) {
      // The range 1..10.
      if (text[at + 1] === DOT) return at;
      at += 1;
    } else if (!isWordByte(code)) return at;
    else {
      at += 1;
      if (decimal && (code | 0x20) === 0x65 && signAndDigit(text, at)) at += 2;
    }
  }
}

/** End of the `-- …` at `from`. */
export function endOfLineComment(text: Uint8Array, from: number, to: number): number {
  let at = from + 2;
  while (at < to) {
    const code = text[at]!;
    if (code === LINE_FEED || code === CARRIAGE_RETURN) return at;
    at += 1;
  }
  return at;
}

/** End of the comment at `from`, comments within it included. */
export function endOfBlockComment(text: Uint8Array, from: number, to: number): number {
  let depth = 1;
  let at = from + 2;
  while (at < to) {
    const code = text[at]!;
    const next = text[at + 1]!;
    if (code === STAR && next === SLASH) {
      at += 2;
      depth -= 1;
      if (depth === 0) return at;
    } else if (code === SLASH && next === STAR) {
      at += 2;
      depth += 1;
    } else at += 1;
  }
  return to;
}

export function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

export function isWordByte(byte: number): boolean {
  return WORD_BYTE[byte] !== 0;
}

function signAndDigit(text: Uint8Array, at: number): boolean {
  const code = text[at]!;
  return (code === PLUS || code === MINUS) && isDigit(text[at + 1]!);
}

function wordBytes(): Uint8Array {
  const table = new Uint8Array(256);
  const characters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$';
  for (const character of characters) table[character.charCodeAt(0)] = character.toLowerCase().charCodeAt(0);
  for (let byte = 128; byte < 256; byte += 1) table[byte] = byte;
  return table;
}
