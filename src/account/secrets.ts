import {
  endOfBlockComment,
  endOfDollarQuoted,
  endOfEscaped,
  endOfLineComment,
  endOfQuoted,
  isWordByte,
} from './literals.ts';

const QUOTE = 0x27;
const DOUBLE_QUOTE = 0x22;
const DOLLAR = 0x24;
const AMPERSAND = 0x26;
const MINUS = 0x2d;
const SLASH = 0x2f;
const STAR = 0x2a;
const EQUALS = 0x3d;
const LETTER_E = 0x65;

/** What stands in the place of a secret. */
const SECRET = "'***'";
/** No secret is looked for in a text without one of these. */
const SUSPICIOUS = /password|:\/\//i;
/** A connection string with a password, or SQL that sets one; also one that is cut off amid the password of a URI. */
const TELLS_PASSWORD =
  /password\s*(?:=|'|"|\$|[eEuUnN]&?'|\\)|:\/\/[^/@\s:]*:[^/@\s]+@|:\/\/[^/@\s:]*:[^/@\s'$]*$/i;
/** So far the lexer looks ahead. */
const LOOK_AHEAD = 3;

/**
 * A SQL text without its passwords: literals behind the word PASSWORD (CREATE and ALTER ROLE, USER MAPPING … OPTIONS), and
 * those that hold a connection string with one (CONNECTION, dblink_connect) or SQL that sets one (EXECUTE). Each is `'***'`, whatever kind
 * of quotes it had; the body of a DO is looked into. A text that is cut off amid a secret shows nothing of it.
 */
export function withoutSecrets(text: string): string {
  if (!SUSPICIOUS.test(text)) return text;
  const bytes = Buffer.concat([Buffer.from(text), Buffer.alloc(LOOK_AHEAD)]);
  const to = bytes.length - LOOK_AHEAD;
  const shown: string[] = [];
  /** The last word was PASSWORD, and nothing but space has come behind it; or what did was a secret. */
  let isSecret = false;
  let kept = 0;
  for (let at = 0; at < to;) {
    const end = endOfToken(bytes, at, to);
    const kind = kindOf(bytes, at, end);
    if (kind === 'literal' || kind === 'name') {
      const replacement = isSecret ? SECRET : kind === 'name' ? null : shownLiteral(bytes, at, end);
      if (replacement !== null) {
        shown.push(bytes.toString('utf8', kept, at), replacement);
        kept = end;
      }
      if (kind === 'name') isSecret = false;
    } else if (kind !== 'space') isSecret = kind === 'password';
    at = end;
  }
  if (kept === 0) return text;
  shown.push(bytes.toString('utf8', kept, to));
  return shown.join('');
}

/** What a literal is replaced by; null: nothing in it is secret. */
function shownLiteral(text: Buffer, from: number, to: number): string | null {
  const literal = text.toString('utf8', from, to);
  if (!TELLS_PASSWORD.test(literal)) return null;
  const tag = /^\$[^$]*\$/.exec(literal)?.[0];
  if (tag === undefined) return SECRET;
  const isClosed = literal.length >= 2 * tag.length && literal.endsWith(tag);
  const body = literal.slice(tag.length, isClosed ? -tag.length : undefined);
  const shown = withoutSecrets(body);
  // Nothing to hide was found in it: it has been hidden already, it is a connection string, or what no lexer understands.
  if (shown === body) return body.includes(SECRET) ? null : SECRET;
  return `${tag}${shown}${isClosed ? tag : ''}`;
}

type Kind = 'space' | 'literal' | 'name' | 'password' | 'other';

function kindOf(text: Buffer, from: number, to: number): Kind {
  const code = text[from]!;
  if (code <= 0x20 || code === EQUALS || isComment(text, from)) return 'space';
  if (code === QUOTE) return 'literal';
  // A name; behind PASSWORD it is a mistake that people make.
  if (code === DOUBLE_QUOTE) return 'name';
  if (code === DOLLAR && to > from + 1) return 'literal';
  if (text.subarray(from, to).includes(QUOTE)) return 'literal';
  return text.toString('latin1', from, to).toLowerCase() === 'password' ? 'password' : 'other';
}

function isComment(text: Buffer, at: number): boolean {
  return (text[at] === MINUS && text[at + 1] === MINUS) || (text[at] === SLASH && text[at + 1] === STAR);
}

function endOfToken(text: Buffer, at: number, to: number): number {
  const code = text[at]!;
  if (code === QUOTE || code === DOUBLE_QUOTE) return endOfQuoted(text, at, to);
  if (code === MINUS && text[at + 1] === MINUS) return endOfLineComment(text, at, to);
  if (code === SLASH && text[at + 1] === STAR) return endOfBlockComment(text, at, to);
  if (code === DOLLAR) {
    const end = endOfDollarQuoted(text, at, to);
    return end < 0 ? at + 1 : end;
  }
  if (!isWordByte(code)) return at + 1;
  let end = at + 1;
  while (end < to && isWordByte(text[end]!)) end += 1;
  if (end > at + 1) return end;
  if (text[end] === AMPERSAND && text[end + 1] === QUOTE) return endOfQuoted(text, end + 1, to);
  if (text[end] !== QUOTE) return end;
  return (code | 0x20) === LETTER_E ? endOfEscaped(text, end, to) : endOfQuoted(text, end, to);
}
