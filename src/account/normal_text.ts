import { isDigit, isWordByte, WORD_BYTE } from './literals.ts';

/** What was written last: it decides what a sign means, and whether a space goes before the next token. */
const Token = {
  None: 0,
  Word: 1,
  QuotedName: 2,
  Literal: 3,
  Parameter: 4,
  Operator: 5,
  /** A + or - that is no operator between two operands. */
  Sign: 6,
  Open: 7,
  Close: 8,
  /** The end of a row of VALUES. */
  RowClose: 9,
  Comma: 10,
  /** A comma behind a row of VALUES. */
  RowComma: 11,
  Semicolon: 12,
  /** `.` and `:`. */
  Joint: 13,
  Other: 14,
} as const;
type Token = (typeof Token)[keyof typeof Token];

/** Behind these an operand must come, so that a + or - is its sign. A word needs a closer look. */
const BEFORE_OPERAND: ReadonlySet<Token> = new Set<Token>([
  Token.None,
  Token.Operator,
  Token.Open,
  Token.Comma,
  Token.RowComma,
  Token.Semicolon,
  Token.Joint,
]);

/** What a pair of brackets holds. */
const Holds = { Anything: 0, List: 1, FirstRow: 2, LaterRow: 3 } as const;

/** Words behind which an expression begins: a sign there belongs to it, and a parenthesis is no function's. */
const BEFORE_EXPRESSION = new Set(
  (
    'all and any as between by case distinct else except exists filter for from group having ilike in intersect ' +
    'is join like limit not offset on or over returning select set similar some then to union using values when ' +
    'where with'
  ).split(' '),
);
const LONGEST_WORD = 9;

/** Brackets that are followed; what lies deeper is not folded. */
const MAX_DEPTH = 64;
/** A larger buffer is not kept for the next text. */
const MAX_KEPT_BYTES = 1 << 18;
const BUFFER_BYTES = 1 << 14;
/** A space and a `…`. */
const ROOM_AT_END = 4;

const SPACE = 0x20;
const DOLLAR = 0x24;
const PLACEHOLDER = 0x3f;
const OPEN_PARENTHESIS = 0x28;
const COMMA = 0x2c;
const SEMICOLON = 0x3b;

/**
 * Takes the tokens of one SQL text and writes its normal form: spaces them, leaves out the signs of literals, and
 * folds what is as long as the data: `IN (…)` and `ARRAY[…]` lists lose an element that looks like the one before it,
 * VALUES lose their rows but the first, and later parameters move down by as many as were lost.
 */
export class NormalText {
  #text: Uint8Array = new Uint8Array(0);
  #to = 0;
  #bytes = Buffer.alloc(BUFFER_BYTES);
  #length = 0;
  #last: Token = Token.None;
  /** Where the last word, or the signs that were written last, begin. */
  #lastFrom = 0;
  #depth = 0;
  readonly #holds = new Uint8Array(MAX_DEPTH + 1);
  /** Where the element of a list begins. */
  readonly #elementFrom = new Int32Array(MAX_DEPTH + 1);
  /** The element before it. */
  readonly #beforeFrom = new Int32Array(MAX_DEPTH + 1);
  readonly #beforeTo = new Int32Array(MAX_DEPTH + 1);
  /** End of the first element, or of the rows before a later row; -1 before that. */
  readonly #firstTo = new Int32Array(MAX_DEPTH + 1);
  /** `#parameters` where the element or row begins. */
  readonly #parametersBefore = new Int32Array(MAX_DEPTH + 1);
  #rowTo = 0;
  /** Parameters seen, each number once, and the highest of their numbers. */
  #parameters = 0;
  #highest = 0;
  /** Parameters that were folded away; those above this number move down by so many. */
  #folded = 0;
  #foldedTo = 0;

  /** Starts with the text in `text[0, to)`. */
  begin(text: Uint8Array, to: number): void {
    // A space may precede each byte.
    const needed = 2 * to + ROOM_AT_END;
    if (this.#bytes.length < needed) this.#bytes = Buffer.allocUnsafe(needed);
    this.#text = text;
    this.#to = to;
    this.#length = 0;
    this.#last = Token.None;
    this.#depth = 0;
    this.#parameters = 0;
    this.#highest = 0;
    this.#folded = 0;
    this.#foldedTo = 0;
  }

  end(truncated: boolean): string {
    this.#leaveOutUnfinished();
    if (truncated) this.#ellipsis();
    else while (this.#length > 0 && this.#bytes[this.#length - 1] === SEMICOLON) this.#length -= 1;
    const normal = this.#bytes.toString('utf8', 0, this.#length);
    if (this.#bytes.length > MAX_KEPT_BYTES) this.#bytes = Buffer.alloc(BUFFER_BYTES);
    return normal;
  }

  /** Writes the word at `from`. @returns its end */
  word(from: number): number {
    this.#space();
    this.#last = Token.Word;
    this.#lastFrom = this.#length;
    const text = this.#text;
    const bytes = this.#bytes;
    let length = this.#length;
    let at = from;
    for (; at < this.#to; at += 1) {
      const folded = WORD_BYTE[text[at]!]!;
      if (folded === 0) break;
      bytes[length] = folded;
      length += 1;
    }
    this.#length = length;
    return at;
  }

  /** Writes the name as it is, but for the case of a `U&` before it. @returns its end */
  quotedName(from: number, to: number): number {
    this.#space();
    this.#last = Token.QuotedName;
    const start = this.#length;
    this.#copy(from, to);
    if (this.#text[from] === 0x55) this.#bytes[start] = 0x75;
    return to;
  }

  /** Two literals without anything between them are one: `'a'`, end of line, `'b'`. */
  literal(): void {
    if (this.#last === Token.Literal) return;
    if (this.#last === Token.Sign) this.#length = this.#lastFrom;
    else this.#space();
    this.#last = Token.Literal;
    this.#put(PLACEHOLDER);
  }

  /** Writes the parameter at `from`. @returns its end */
  parameter(from: number): number {
    this.#space();
    this.#last = Token.Parameter;
    this.#put(DOLLAR);
    const text = this.#text;
    let to = from + 1;
    let number = 0;
    for (let code = text[to]!; isDigit(code); code = text[to]!) {
      number = number * 10 + code - 0x30;
      to += 1;
    }
    if (number > this.#highest) {
      this.#highest = number;
      this.#parameters += 1;
    }
    if (this.#folded === 0 || number <= this.#foldedTo || number > 0xffff) this.#copy(from + 1, to);
    else this.#length += this.#bytes.write(String(number - this.#folded), this.#length, 'latin1');
    return to;
  }

  operator(from: number, to: number): void {
    this.#space();
    this.#last = Token.Operator;
    this.#copy(from, to);
  }

  /** A + or - that stands alone. */
  sign(code: number): void {
    const follows = this.#last === Token.Sign;
    const begins = !follows && this.#expectsOperand();
    this.#space();
    if (begins) this.#lastFrom = this.#length;
    this.#last = follows || begins ? Token.Sign : Token.Operator;
    this.#put(code);
  }

  open(code: number): void {
    const last = this.#last;
    const isRow = code === OPEN_PARENTHESIS;
    const before = last === Token.Word ? this.#word() : '';
    let holds: number = Holds.Anything;
    if (isRow ? before === 'in' : before === 'array') holds = Holds.List;
    else if (isRow && before === 'values') holds = Holds.FirstRow;
    else if (isRow && last === Token.RowComma) holds = Holds.LaterRow;
    if (isRow && (last === Token.Word ? BEFORE_EXPRESSION.has(before) : last !== Token.QuotedName))
      this.#space();
    this.#put(code);
    this.#last = Token.Open;
    this.#depth += 1;
    const depth = this.#depth;
    if (depth > MAX_DEPTH) return;
    this.#holds[depth] = holds;
    this.#elementFrom[depth] = this.#length;
    this.#firstTo[depth] = holds === Holds.LaterRow ? this.#rowTo : -1;
    this.#parametersBefore[depth] = this.#parameters;
  }

  close(code: number): void {
    const holds = this.#holding();
    if (holds === Holds.List) this.#endElement();
    this.#put(code);
    this.#last = Token.Close;
    if (holds === Holds.FirstRow || holds === Holds.LaterRow) {
      if (holds === Holds.LaterRow) this.#leaveOut(this.#firstTo[this.#depth]!);
      this.#last = Token.RowClose;
      this.#rowTo = this.#length;
    }
    if (this.#depth > 0) this.#depth -= 1;
  }

  comma(): void {
    const inList = this.#holding() === Holds.List;
    if (inList) this.#endElement();
    this.#put(COMMA);
    this.#last = this.#last === Token.RowClose ? Token.RowComma : Token.Comma;
    if (!inList) return;
    this.#elementFrom[this.#depth] = this.#length;
    this.#parametersBefore[this.#depth] = this.#parameters;
  }

  semicolon(): void {
    this.#put(SEMICOLON);
    this.#last = Token.Semicolon;
  }

  /** `.` and `:`, which have no space on either side. */
  joint(code: number): void {
    this.#put(code);
    this.#last = Token.Joint;
  }

  /** A character that is not SQL. */
  other(code: number): void {
    this.#space();
    this.#put(code);
    this.#last = Token.Other;
  }

  // ------------------------------------------------------------------- private

  #put(code: number): void {
    this.#bytes[this.#length] = code;
    this.#length += 1;
  }

  #space(): void {
    const last = this.#last;
    if (last !== Token.None && last !== Token.Open && last !== Token.Joint) this.#put(SPACE);
  }

  #copy(from: number, to: number): void {
    for (let at = from; at < to; at += 1) this.#put(this.#text[at]!);
  }

  /** The word that was written last; an empty text for one that is too long to be looked for. */
  #word(): string {
    if (this.#length - this.#lastFrom > LONGEST_WORD) return '';
    return this.#bytes.toString('latin1', this.#lastFrom, this.#length);
  }

  #expectsOperand(): boolean {
    return this.#last === Token.Word ? BEFORE_EXPRESSION.has(this.#word()) : BEFORE_OPERAND.has(this.#last);
  }

  #holding(): number {
    return this.#depth > MAX_DEPTH ? Holds.Anything : this.#holds[this.#depth]!;
  }

  #endElement(): void {
    const depth = this.#depth;
    const from = this.#elementFrom[depth]!;
    const before = this.#beforeTo[depth]!;
    if (this.#firstTo[depth]! < 0) this.#firstTo[depth] = this.#length;
    else if (this.#alike(this.#beforeFrom[depth]!, before, from, this.#length)) {
      this.#leaveOut(before);
      return;
    }
    this.#beforeFrom[depth] = from;
    this.#beforeTo[depth] = this.#length;
  }

  /** Takes back what was written behind `to`, which is the element or row that ends here. */
  #leaveOut(to: number): void {
    this.#length = to;
    this.#folded += this.#parameters - this.#parametersBefore[this.#depth]!;
    this.#foldedTo = this.#highest;
  }

  /** The two pieces of what was written are equal but for the numbers of parameters. */
  #alike(aFrom: number, aTo: number, bFrom: number, bTo: number): boolean {
    const bytes = this.#bytes;
    let a = aFrom < aTo && bytes[aFrom] === SPACE ? aFrom + 1 : aFrom;
    let b = bFrom < bTo && bytes[bFrom] === SPACE ? bFrom + 1 : bFrom;
    while (a < aTo && b < bTo) {
      if (bytes[a] !== bytes[b]) return false;
      const isParameter = bytes[a] === DOLLAR && !isWordByte(bytes[a - 1]!);
      a += 1;
      b += 1;
      if (!isParameter) continue;
      while (a < aTo && isDigit(bytes[a]!)) a += 1;
      while (b < bTo && isDigit(bytes[b]!)) b += 1;
    }
    return a === aTo && b === bTo;
  }

  /** Of a list or of VALUES that have no end, only the first element stays: what follows might have been folded. */
  #leaveOutUnfinished(): void {
    if (this.#last === Token.RowComma) this.#length = this.#rowTo;
    for (let depth = 1; depth <= Math.min(this.#depth, MAX_DEPTH); depth += 1) {
      const holds = this.#holds[depth];
      if (holds !== Holds.LaterRow && holds !== Holds.List) continue;
      const first = this.#firstTo[depth]!;
      if (first < 0) continue;
      this.#length = first;
      return;
    }
  }

  #ellipsis(): void {
    // What was left out may have had a token before it that takes no space.
    const joined = this.#length === 0 || '([.:'.includes(String.fromCharCode(this.#bytes[this.#length - 1]!));
    if (!joined) this.#put(SPACE);
    this.#length += this.#bytes.write('…', this.#length, 'utf8');
  }
}
