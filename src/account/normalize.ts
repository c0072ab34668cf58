import { NormalText } from './normal_text.ts';
import {
  endOfBlockComment,
  endOfDollarQuoted,
  endOfEscaped,
  endOfLineComment,
  endOfNumber,
  endOfQuoted,
  isDigit,
} from './literals.ts';

/** What a character can begin. */
const Begins = {
  Other: 0,
  Space: 1,
  Word: 2,
  Number: 3,
  Operator: 4,
  String: 5,
  QuotedName: 6,
  Dollar: 7,
  Dot: 8,
  Colon: 9,
  Open: 10,
  Close: 11,
  Comma: 12,
  Semicolon: 13,
} as const;

const BEGINS = beginnings();

const QUOTE = 0x27;
const DOUBLE_QUOTE = 0x22;
const AMPERSAND = 0x26;
const STAR = 0x2a;
const PLUS = 0x2b;
const MINUS = 0x2d;
const SLASH = 0x2f;
const LETTER_B = 0x62;
const LETTER_E = 0x65;
const LETTER_N = 0x6e;
const LETTER_U = 0x75;
const LETTER_X = 0x78;

/** Only with one of these may an operator of several characters end in + or -. */
const LETS_SIGN_END = /[~!@#%^&|`?]/;
/** Commands that only name a savepoint or a prepared statement, whose names are often made up anew each time. */
const NAMING =
  /^(savepoint|release(?: savepoint)?|rollback(?: work| transaction)? to(?: savepoint)?|deallocate(?: prepare)?) (?!all$)(?:"(?:[^"]|"")*"|[^\s"]+)$/;

/** A larger buffer is not kept for the next text. */
const MAX_KEPT_BYTES = 1 << 18;
const BUFFER_BYTES = 1 << 14;
/** So far the lexer looks ahead, at most. */
const LOOK_AHEAD = 3;

const output = new NormalText();
let input = Buffer.alloc(BUFFER_BYTES);

/**
 * The text that all SQL texts share which differ in their constants only: each literal is a `?`, comments are gone,
 * what is not quoted is lower case, the space between tokens does not depend on the space in the text, and lists and
 * VALUES are as long as their first element. `docs/statements.md` has the rules.
 *
 * Never throws, and `normalize(normalize(x))` is `normalize(x)`.
 *
 * @param truncated `sql` is the beginning of a longer one: a `…` takes the place of the rest
 */
export function normalize(sql: string, truncated = false): string {
  const needed = 3 * sql.length + LOOK_AHEAD;
  if (input.length < needed) input = Buffer.allocUnsafe(needed);
  const text = input;
  const to = text.write(sql);
  text.fill(0, to, to + LOOK_AHEAD);
  output.begin(text, to);
  let at = 0;
  while (at < to) {
    const code = text[at]!;
    switch (BEGINS[code]!) {
      case Begins.Space:
        at += 1;
        break;
      case Begins.Word:
        at = word(text, at, to, code);
        break;
      case Begins.Number:
        output.literal();
        at = endOfNumber(text, at);
        break;
      case Begins.Operator:
        at = operator(text, at, to, code);
        break;
      case Begins.String:
        output.literal();
        at = endOfQuoted(text, at, to);
        break;
      case Begins.QuotedName:
        at = output.quotedName(at, endOfQuoted(text, at, to));
        break;
      case Begins.Dollar:
        at = dollar(text, at, to);
        break;
      case Begins.Dot:
        if (isDigit(text[at + 1]!)) {
          output.literal();
          at = endOfNumber(text, at);
          break;
        }
        output.joint(code);
        at += 1;
        if (text[at] !== code) break;
        // `1..10` is a range of PL/pgSQL: the 10 has no dot of its own.
        output.joint(code);
        at += 1;
        break;
      case Begins.Colon:
        output.joint(code);
        at += 1;
        break;
      case Begins.Open:
        output.open(code);
        at += 1;
        break;
      case Begins.Close:
        output.close(code);
        at += 1;
        break;
      case Begins.Comma:
        output.comma();
        at += 1;
        break;
      case Begins.Semicolon:
        output.semicolon();
        at += 1;
        break;
      default:
        output.other(code);
        at += 1;
        break;
    }
  }
  const normal = output.end(truncated);
  if (input.length > MAX_KEPT_BYTES) input = Buffer.alloc(BUFFER_BYTES);
  return normal.startsWith('sav') || normal.startsWith('r') || normal.startsWith('dea')
    ? normal.replace(NAMING, '$1 ?')
    : normal;
}

/** A keyword, a name, or a literal that a letter introduces. */
function word(text: Buffer, at: number, to: number, code: number): number {
  const next = text[at + 1]!;
  if (next === QUOTE) {
    switch (code | 0x20) {
      case LETTER_E:
        output.literal();
        return endOfEscaped(text, at + 1, to);
      case LETTER_B:
      case LETTER_X:
      case LETTER_N:
        output.literal();
        return endOfQuoted(text, at + 1, to);
      default:
    }
  } else if (next === AMPERSAND && (code | 0x20) === LETTER_U) {
    const opening = text[at + 2]!;
    if (opening === QUOTE) {
      output.literal();
      return endOfQuoted(text, at + 2, to);
    }
    if (opening === DOUBLE_QUOTE) return output.quotedName(at, endOfQuoted(text, at + 2, to));
  }
  return output.word(at);
}

/** A parameter, or a literal between two `$tag$`. */
function dollar(text: Buffer, at: number, to: number): number {
  if (isDigit(text[at + 1]!)) return output.parameter(at);
  const end = endOfDollarQuoted(text, at, to);
  if (end >= 0) {
    output.literal();
    return end;
  }
  output.other(text[at]!);
  return at + 1;
}

/** An operator or a comment. */
function operator(text: Buffer, from: number, to: number, first: number): number {
  let end = from;
  for (let code = first; BEGINS[code] === Begins.Operator; code = text[end]!) {
    const next = text[end + 1]!;
    if (code === MINUS && next === MINUS) {
      if (end === from) return endOfLineComment(text, from, to);
      break;
    }
    if (code === SLASH && next === STAR) {
      if (end === from) return endOfBlockComment(text, from, to);
      break;
    }
    end += 1;
  }
  if (end > from + 1) end = withoutSigns(text, from, end);
  if (end === from + 1 && (first === PLUS || first === MINUS)) output.sign(first);
  else output.operator(from, end);
  return end;
}

/** End of an operator without the signs behind it that are operators of their own, as in `a=-1`. */
function withoutSigns(text: Buffer, from: number, to: number): number {
  let end = to;
  while (end > from + 1) {
    const last = text[end - 1]!;
    if (last !== PLUS && last !== MINUS) break;
    if (LETS_SIGN_END.test(text.toString('latin1', from, end - 1))) break;
    end -= 1;
  }
  return end;
}

function beginnings(): Uint8Array {
  const table = new Uint8Array(256).fill(Begins.Word, 128);
  const enter = (characters: string, begins: number): void => {
    for (const character of characters) table[character.charCodeAt(0)] = begins;
  };
  enter(' \t\n\r\f\v', Begins.Space);
  enter('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_', Begins.Word);
  enter('0123456789', Begins.Number);
  enter('+-*/<>=~!@#%^&|`?', Begins.Operator);
  enter("'", Begins.String);
  enter('"', Begins.QuotedName);
  enter('$', Begins.Dollar);
  enter('.', Begins.Dot);
  enter(':', Begins.Colon);
  enter('([', Begins.Open);
  enter(')]', Begins.Close);
  enter(',', Begins.Comma);
  enter(';', Begins.Semicolon);
  return table;
}
