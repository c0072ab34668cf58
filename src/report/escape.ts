/**
 * Text from outside (queries, names) in a report made of lines: nobody may forge a line of the report, hide one from
 * a terminal, or turn one round. Everything that ends a line for any reader is escaped: the C0 and C1 controls, the
 * Unicode line and paragraph separators, and the bidirectional controls. A backslash stays as it is, for SQL is full of
 * them: this text is for eyes, JSON is for machines.
 */
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** On one line: every control character is escaped. */
export function escapeLine(text: string): string {
  return text.replace(UNSAFE, escapeCharacter);
}

/**
 * With its line breaks, as the text report has always printed a query; each further line begins with two spaces, so
 * that no line of it begins like a line of the report (`query: `, `-S-from:`, `----------END----------`).
 */
export function escapeBlock(text: string): string {
  return text
    .split(/\r?\n/)
    .map((line) => line.split('\t').map(escapeLine).join('\t'))
    .join('\n  ');
}

/** On one line for a table: runs of white space become one space, the rest is escaped. */
export function escapeCell(text: string): string {
  return escapeLine(text.trim().replace(/\s+/g, ' '));
}

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0)!;
  const hex = code.toString(16);
  return NAMED[character] ?? (code < 0x100 ? `\\x${hex.padStart(2, '0')}` : `\\u${hex.padStart(4, '0')}`);
}
