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
/** Nor are texts of more numbers: they would be kept in more pieces than they have characters to spare. */
const MAX_NUMBERS = 64;

const MINUS = 0x2d;
const STAR = 0x2a;
const SLASH = 0x2f;
const PLACEHOLDER = 0x3f;

/** What texts of one shape have in common. */
interface Known<Value> {
  /** What stands around the numbers, in order: one more than there are numbers. */
  readonly pieces: readonly string[];
  readonly value: Value;
}

/**
 * Remembers what was found out about a text, and finds it for every text that differs in whole numbers only, as those
 * of a client do that writes its constants into the SQL: to compare such a text costs a tenth of normalizing it.
 *
 * **Law**: two texts that this takes for one have the same normal form. It therefore knows only texts without quotes,
 * `$` and comments, in which digits between separators are a literal; and all else must be equal.
 *
 * Two shapes that meet in one slot replace each other.
 */
export class NumberShapes<Value> {
  readonly #slots: (Known<Value> | null)[] = Array.from({ length: SLOTS }, () => null);
  /** The one that was found last, which a text is compared with first. */
  #last: Known<Value> | null = null;

  get(text: string): Value | undefined {
    const last = this.#last;
    if (last !== null && hasPieces(text, last.pieces)) return last.value;
    const hash = shapeHash(text);
    if (hash < 0) return undefined;
    const known = this.#slots[hash % SLOTS]!;
    if (known === null || !hasPieces(text, known.pieces)) return undefined;
    this.#last = known;
    return known.value;
  }

  /** @returns false for a text without such numbers, or with what might hide them */
  set(text: string, value: Value): boolean {
    const pieces: string[] = [];
    const hash = shapeHash(text, pieces);
    if (hash < 0 || pieces.length > MAX_NUMBERS + 1) return false;
    this.#slots[hash % SLOTS] = { pieces, value };
    return true;
  }
}

/**
 * The same number >= 0 for texts of the same shape; -1 for one that has none.
 *
 * @param pieces takes what stands around the numbers
 */
function shapeHash(text: string, pieces: string[] | null = null): number {
  const { length } = text;
  if (length > MAX_CHARACTERS) return -1;
  let hash = 0;
  let before: number = Class.Separator;
  let pieceFrom = -1;
  for (let at = 0; at < length; at += 1) {
    let code = text.charCodeAt(at);
    const is = classOf(code);
    if (is === Class.Opaque) return -1;
    if (is === Class.Separator && beginsComment(text, at, code)) return -1;
    if (is === Class.Digit && before === Class.Separator) {
      const end = endOfNumber(text, at, length);
      if (end > at) {
        pieces?.push(text.slice(Math.max(pieceFrom, 0), at));
        pieceFrom = end;
        code = PLACEHOLDER;
        at = end - 1;
      }
    }
    before = is;
    hash = (Math.imul(hash, 31) + code) | 0;
  }
  if (pieceFrom < 0) return -1;
  pieces?.push(text.slice(pieceFrom));
  return hash >>> 1;
}

/** Whether a text is these pieces, with digits between them. To compare a slice is a third of comparing its characters. */
function hasPieces(text: string, pieces: readonly string[]): boolean {
  let at = 0;
  for (let i = 0; i < pieces.length; i += 1) {
    if (i > 0) {
      const digitsFrom = at;
      while (at < text.length && classOf(text.charCodeAt(at)) === Class.Digit) at += 1;
      if (at === digitsFrom) return false;
    }
    const piece = pieces[i]!;
    const end = at + piece.length;
    if (text.slice(at, end) !== piece) return false;
    at = end;
  }
  return at === text.length;
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
