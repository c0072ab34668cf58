/** OpenTelemetry's limit for db.query.summary. */
const MAX_CHARACTERS = 255;
const MAX_WORD_CHARACTERS = 63;
/** Tokens looked at of a long text; what a statement works on stands near its beginning. */
const MAX_TOKENS = 2000;

/** Words, quoted names, and the signs that tell where a name ends. */
const TOKEN = /"(?:[^"]|"")*"|[\p{L}_][\p{L}\p{N}_$]*|<[^>]+>|[(),;.]/gu;

/** Commands that begin a part of a statement, and whose name is worth telling. */
const OPERATIONS = new Set(['select', 'insert', 'update', 'delete', 'merge', 'copy', 'truncate', 'values']);
/** Behind these the name of a table comes. */
const BEFORE_TABLE = new Set(['from', 'join', 'into', 'update', 'copy', 'table', 'truncate', 'using']);
/** What may stand between. */
const SKIPPED = new Set(['only', 'lateral', 'if', 'not', 'exists', 'table', 'concurrently']);

/**
 * What a statement does, and on which tables, in a few words: `SELECT orders customers`, `INSERT audit SELECT orders`.
 * It is low in cardinality, for it holds no constants, and bounded by what the schema holds. See OpenTelemetry's
 * db.query.summary.
 *
 * @param normal the normal form of a text
 */
export function querySummary(normal: string): string {
  if (normal.startsWith('<')) return normal;
  const words = (normal.match(TOKEN) ?? []).slice(0, MAX_TOKENS);
  const found: string[] = [];
  const queries = commonTableExpressions(words);
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at]!;
    if (startsOperation(words, at)) push(found, word.toUpperCase());
    if (!BEFORE_TABLE.has(word) || isFunctionArgument(words, at)) continue;
    for (;;) {
      const table = tableAt(words, at + 1);
      if (table === null) break;
      at = table.end;
      if (!queries.has(table.name)) push(found, table.name);
      // FROM a, b: another table. FROM a AS x, b, too.
      while (isName(words[at + 1]) && !BEFORE_TABLE.has(words[at + 1]!) && !isClause(words[at + 1]!)) at += 1;
      if (word !== 'from' || words[at + 1] !== ',') break;
      at += 1;
    }
  }
  if (found.length === 0) found.push((words.find(isName) ?? 'empty').toUpperCase());
  return cut(found);
}

/** The words that end a list of tables. */
const CLAUSES = new Set(
  'where group order limit offset set values join left right inner full cross natural on union intersect except returning to from with having fetch for window'.split(
    ' ',
  ),
);

function isClause(word: string): boolean {
  return CLAUSES.has(word) || OPERATIONS.has(word);
}

function isName(word: string | undefined): boolean {
  return word !== undefined && !/^[(),;.]$/.test(word);
}

function startsOperation(words: readonly string[], at: number): boolean {
  const word = words[at]!;
  if (at === 0) return isName(word) && word !== 'with';
  // FOR UPDATE, ON CONFLICT DO UPDATE, GRANT SELECT ON: no operation of their own.
  return (
    OPERATIONS.has(word) && !/^(for|do|key|then|grant|revoke|,)$/.test(words[at - 1]!) && word !== 'values'
  );
}

/** `extract(year from x)`, `substring(x from 2)`, `trim(both from x)`: no table follows. */
function isFunctionArgument(words: readonly string[], at: number): boolean {
  if (words[at] === 'update') return /^(for|do|key)$/.test(words[at - 1] ?? '');
  if (words[at] !== 'from') return false;
  if (words[at - 1] === 'distinct') return true;
  let depth = 0;
  for (let before = at - 1; before >= 0; before -= 1) {
    const word = words[before]!;
    if (word === ')') depth += 1;
    else if (word === '(' && depth > 0) depth -= 1;
    else if (word === '(') return /^(extract|substring|trim|overlay|position)$/.test(words[before - 1] ?? '');
    else if (depth === 0 && (word === 'select' || word === 'delete')) return false;
  }
  return false;
}

/** A table's name, with its schema; null for a query in parentheses. */
function tableAt(
  words: readonly string[],
  from: number,
): { readonly name: string; readonly end: number } | null {
  let at = from;
  while (SKIPPED.has(words[at] ?? '')) at += 1;
  if (!isName(words[at]) || isClause(words[at]!)) return null;
  let name = words[at]!;
  while (words[at + 1] === '.' && isName(words[at + 2])) {
    name += `.${words[at + 2]!}`;
    at += 2;
  }
  return { name, end: at };
}

/** The names that WITH gives to queries. */
function commonTableExpressions(words: readonly string[]): ReadonlySet<string> {
  if (words[0] !== 'with') return new Set();
  return new Set(
    words.filter((_, at) => words[at + 1] === 'as' && /^(\(|materialized|not)$/.test(words[at + 2] ?? '')),
  );
}

/** Each once in a row. */
function push(found: string[], word: string): void {
  const short = word.length > MAX_WORD_CHARACTERS ? `${word.slice(0, MAX_WORD_CHARACTERS - 1)}…` : word;
  if (found.at(-1) !== short) found.push(short);
}

/** Whole words only. */
function cut(words: readonly string[]): string {
  let text = '';
  for (const word of words) {
    const longer = text === '' ? word : `${text} ${word}`;
    if (longer.length > MAX_CHARACTERS) break;
    text = longer;
  }
  return text;
}
