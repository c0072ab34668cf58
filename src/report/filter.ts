/** What can be said of a row: texts and amounts by the words that a filter knows them by. */
export interface Filterable {
  readonly texts: Readonly<Record<string, string | null>>;
  /** Bytes, microseconds or plain counts. */
  readonly amounts: Readonly<Record<string, number>>;
}

/** A filter as it was understood. */
export interface Filter {
  /** Whether a row passes: all words must hold. A word about what this row does not have holds. */
  readonly matches: (row: Filterable) => boolean;
  /** What could not be understood, in sentences. */
  readonly problems: readonly string[];
}

type Condition = (row: Filterable) => boolean;

/** Words, which may hold spaces within quotes or between slashes. */
const WORD = /-?(?:\/(?:\\.|[^/\\])+\/|\w+[:=]"[^"]*"|"[^"]*"|\S+)/g;

const COMPARISON = /^(\w+)(>=|<=|>|<)([\d.]+)(\w*)$/;

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1024,
  mb: 1024 ** 2,
  gb: 1024 ** 3,
  tb: 1024 ** 4,
  us: 1,
  ms: 1000,
  s: 1_000_000,
  m: 60_000_000,
  h: 3_600_000_000,
};

/**
 * Understands a filter: `app:shop db:main bytes>1MB time>2s /orders/ -user:admin word`. `name:text` is a part of a text, `name>1MB` a
 * comparison (bytes, or us, ms, s, m, h), `/…/` a regular expression and any other word a part of any text, small and large
 * letters alike; `-` before a word is its opposite.
 */
export function parseFilter(text: string): Filter {
  const problems: string[] = [];
  const conditions = (text.match(WORD) ?? []).flatMap((word): Condition[] => {
    const negative = word.length > 1 && word.startsWith('-');
    const found = condition(negative ? word.slice(1) : word);
    if (typeof found === 'string') {
      problems.push(found);
      return [];
    }
    return [negative ? (row) => !found(row) : found];
  });
  return { matches: (row) => conditions.every((holds) => holds(row)), problems };
}

/** @returns what is wrong with it, in a sentence, when it is none */
function condition(word: string): Condition | string {
  const comparison = COMPARISON.exec(word);
  if (comparison !== null) return compares(comparison);
  if (word.length > 2 && word.startsWith('/') && word.endsWith('/')) return matchesPattern(word.slice(1, -1));
  const [, name, part] = /^(\w+):(.*)$/.exec(word) ?? [];
  if (name === undefined || part === undefined) {
    const wanted = unquoted(word);
    return ({ texts }) => Object.values(texts).some((value) => includes(value, wanted));
  }
  const wanted = unquoted(part);
  return ({ texts }) => {
    const value = texts[name.toLowerCase()];
    return value === undefined || includes(value, wanted);
  };
}

function compares([word, name, operator, digits, unit]: RegExpExecArray): Condition | string {
  const factor = UNITS[unit!.toLowerCase()];
  const limit = Number(digits) * (factor ?? NaN);
  if (Number.isNaN(limit)) return `${word}: compare with a number, and MB or ms behind it if you like`;
  const than = (value: number): boolean => {
    if (operator === '>') return value > limit;
    if (operator === '<') return value < limit;
    return operator === '>=' ? value >= limit : value <= limit;
  };
  return ({ amounts }) => {
    const value = amounts[name!.toLowerCase()];
    return value === undefined || than(value);
  };
}

function matchesPattern(source: string): Condition | string {
  try {
    const pattern = new RegExp(source, 'i');
    return ({ texts }) => Object.values(texts).some((value) => value !== null && pattern.test(value));
  } catch {
    return `/${source}/ is no regular expression`;
  }
}

function includes(value: string | null, wanted: string): boolean {
  return (value ?? '').toLowerCase().includes(wanted);
}

function unquoted(text: string): string {
  return text.replaceAll('"', '').toLowerCase();
}
