/** What a character can be next to. */
const Class = {
  Plain: 0,
  Digit: 1,
  /** Neither a part of a number nor of a word: a number can begin and end beside it. */
  Separator: 2,
  /** May begin a string, a quoted name or a parameter, in which digits mean something. */
  Opaque: 3,
} as const;

const CLASS = classes();

const SLOTS = 1024;
/** Longer texts are not worth two readings. */
const MAX_CHARACTERS = 1024;

const MINUS = 0x2d;
const STAR = 0x2a;
const SLASH = 0x2f;
const PLACEHOLDER = 0x3f;

interface Known<Value> {
  readonly text: string;
  readonly value: Value;
}

/**
 * Remembers what was found out about a text, and finds it for every text that differs in whole numbers only, as those
 * of a client do that writes its constants into the SQL: reading such a text twice costs a tenth of normalizing it.
 *
 * **Law**: two texts that this takes for one have the same normal form. It therefore knows only texts without quotes,
 * `$` and comments, in which digits between separators are a literal; and it compares all else character by character.
 *
 * Two shapes that meet in one slot replace each other.
 */
export class NumberShapes<Value> {
  readonly #slots: (Known<Value> | null)[] = Array.from({ length: SLOTS }, () => null);
  /** The one that was found last, which a text is compared with first. */
  #last: Known<Value> | null = null;

  get(text: string): Value | undefined {
    const last = this.#last;
    if (last !== null && (last.text === text || haveOneShape(last.text, text))) return last.value;
    const hash = shapeHash(text);
    if (hash < 0) return undefined;
    const known = this.#slots[hash % SLOTS]!;
    if (known === null || !haveOneShape(known.text, text)) return undefined;
    this.#last = known;
    return known.value;
  }

  /** @returns false for a text without such numbers, or with what might hide them */
  set(text: string, value: Value): boolean {
    const hash = shapeHash(text);
    if (hash < 0) return false;
    this.#slots[hash % SLOTS] = { text, value };
    return true;
  }
}

/** The same number >= 0 for texts of the same shape; -1 for one that has none. */
function shapeHash(text: string): number {
  const { length } = text;
  if (length > MAX_CHARACTERS) return -1;
  let hash = 0;
  let before: number = Class.Separator;
  let hasNumber = false;
  for (let at = 0; at < length; at += 1) {
    let code = text.charCodeAt(at);
    const is = classOf(code);
    if (is === Class.Opaque) return -1;
    if (is === Class.Separator && beginsComment(text, at, code)) return -1;
    if (is === Class.Digit && before === Class.Separator) {
      const end = endOfNumber(text, at, length);
      if (end > at) {
        hasNumber = true;
        code = PLACEHOLDER;
        at = end - 1;
      }
    }
    before = is;
    hash = (Math.imul(hash, 31) + code) | 0;
  }
  return hasNumber ? hash >>> 1 : -1;
}

/** `a` has a shape. Whether `b` has the same one. */
function haveOneShape(a: string, b: string): boolean {
  let i = 0;
  let j = 0;
  /** End of the number that was passed last. */
  let passed = -1;
  while (i < a.length && j < b.length) {
    if (a.charCodeAt(i) === b.charCodeAt(j)) {
      i += 1;
      j += 1;
      continue;
    }
    if (i === passed) return false;
    const digits = digitsBefore(a, i);
    if (i > digits && classOf(a.charCodeAt(i - digits - 1)) !== Class.Separator) return false;
    const end = endOfNumber(a, i - digits, a.length);
    const otherEnd = endOfNumber(b, j - digits, b.length);
    if (end === i - digits || otherEnd === j - digits) return false;
    i = end;
    j = otherEnd;
    passed = end;
  }
  if (i === a.length && j === b.length) return true;
  if (i === passed) return false;
  // One is the beginning of the other: it may be a number that is longer.
  const digits = digitsBefore(a, i);
  if (digits === 0 || (i > digits && classOf(a.charCodeAt(i - digits - 1)) !== Class.Separator)) return false;
  return (
    endOfNumber(a, i - digits, a.length) === a.length && endOfNumber(b, j - digits, b.length) === b.length
  );
}

/** How many digits stand directly before a position. */
function digitsBefore(text: string, at: number): number {
  let from = at;
  while (from > 0 && classOf(text.charCodeAt(from - 1)) === Class.Digit) from -= 1;
  return at - from;
}

/** End of the digits at `from`; `from` itself when there are none, or something else than a separator follows them. */
function endOfNumber(text: string, from: number, length: number): number {
  for (let end = from; end < length; end += 1) {
    const is = classOf(text.charCodeAt(end));
    if (is !== Class.Digit) return is === Class.Separator ? end : from;
  }
  return length;
}

function beginsComment(text: string, at: number, code: number): boolean {
  if (code === MINUS) return text.charCodeAt(at + 1) === MINUS;
  return code === SLASH && text.charCodeAt(at + 1) === STAR;
}

function classOf(code: number): number {
  return code < 128 ? CLASS[code]! : Class.Plain;
}

function classes(): Uint8Array {
  const table = new Uint8Array(128);
  const enter = (characters: string, is: number): void => {
    for (const character of characters) table[character.charCodeAt(0)] = is;
  };
  enter('0123456789', Class.Digit);
  enter(' \t\n\r()[],;=<>+-*/%', Class.Separator);
  enter('\'"$', Class.Opaque);
  return table;
}
