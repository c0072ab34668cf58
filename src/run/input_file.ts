import { readFile } from 'node:fs/promises';
import { REPORT_SCHEMA, type ReportRecord } from '../report/model.ts';
import { checkReport } from '../report/read_report.ts';
import { describeError } from './describe_error.ts';

/** What a file that is read was written by, and how such a file is had. */
export interface InputKind {
  /** With its article. */
  readonly name: string;
  readonly remedy: string;
  /** What to do when it is another of pgnetflow's files; the remedy, unless given. */
  readonly ifMistaken?: string;
}

export const REPORT: InputKind = {
  name: 'a JSON report of pgnetflow proxy',
  remedy: 'have one written with pgnetflow proxy --report json --report-file FILE',
};
export const RECORDING: InputKind = {
  name: 'a recording of pgnetflow probe',
  remedy: 'have one written with pgnetflow probe > FILE',
};
export const FSYNC_RECORDS: InputKind = {
  name: 'a recording of pgnetflow trace fsync',
  remedy: 'have one written with pgnetflow trace fsync --json > FILE',
};
export const STATEMENT_LOG: InputKind = {
  name: 'a statement log of pgnetflow proxy',
  remedy: 'have one written with pgnetflow proxy --statement-log FILE',
};

/** A file that was to be read cannot be, or is something else. The message is one sentence: which, why, what to do. */
export class InputFileError extends Error {
  readonly code = 'PGNETFLOW_INPUT_FILE';

  /** @param problem behind the name of the file, without a full stop */
  constructor(file: string, problem: string, cause?: unknown) {
    super(`${file === '-' ? 'standard input' : file}: ${problem}`, { cause });
    this.name = 'InputFileError';
  }
}

/**
 * Reads a whole file.
 *
 * @throws {InputFileError}
 */
export async function readInputFile(file: string, wanted: InputKind): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw unreadable(file, wanted, cause);
  }
}

/** What an error of reading says to the user. Other errors are told as they are. */
export function unreadable(file: string, wanted: InputKind, cause: unknown): InputFileError {
  if (cause instanceof InputFileError) return cause;
  const code = cause instanceof Error && 'code' in cause ? cause.code : null;
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new InputFileError(file, `there is no such file; ${wanted.remedy}`, cause);
    case 'EISDIR':
      return new InputFileError(file, `it is a directory; name the file in it that is ${wanted.name}`, cause);
    case 'EACCES':
    case 'EPERM':
      return new InputFileError(
        file,
        'this user may not read it; ask its owner, or run the command as root',
        cause,
      );
    default:
      return new InputFileError(file, describeError(cause), cause);
  }
}

/**
 * Why a text is not what was wanted.
 *
 * @param beginning of the text, as far as it was read
 * @param otherwise what to say when it cannot be told what it is
 */
export function notWanted(
  file: string,
  wanted: InputKind,
  beginning: string,
  otherwise: string,
): InputFileError {
  if (beginning.trim() === '') return new InputFileError(file, `it is empty; ${wanted.remedy}`);
  const found = recognize(beginning);
  if (found === null || found.name === wanted.name)
    return new InputFileError(file, `it is not ${wanted.name}: ${otherwise}; ${wanted.remedy}`);
  const remedy = wanted.ifMistaken ?? wanted.remedy;
  return new InputFileError(file, `it is ${found.name}, and not ${wanted.name}; ${remedy}`);
}

/**
 * Parses what should be a JSON report.
 *
 * @throws {InputFileError} when it is no JSON, has not this schema, or lacks what every report has
 */
export function parseReport(file: string, text: string, wanted: InputKind = REPORT): ReportRecord {
  const value = parseJson(file, text, wanted);
  const schema: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'schema') : null;
  if (schema !== REPORT_SCHEMA) {
    const found = typeof schema === 'string' ? `its schema is "${schema}"` : 'it has no schema';
    throw notWanted(file, wanted, text, `${found}, not "${REPORT_SCHEMA}"`);
  }
  try {
    return checkReport(value);
  } catch (cause) {
    throw new InputFileError(file, describeError(cause), cause);
  }
}

function parseJson(file: string, text: string, wanted: InputKind): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (recognize(text)?.name !== wanted.name) throw notWanted(file, wanted, text, 'it is no JSON');
    const [, end] = /after JSON at position (\d+)/.exec(describeError(cause)) ?? [];
    const problem =
      end === undefined
        ? `it is ${wanted.name} that breaks off after ${text.length} characters; have it written anew`
        : `it is ${wanted.name} that ends after ${end} characters, and something else behind it, such as another one; leave one in the file`;
    throw new InputFileError(file, problem, cause);
  }
}

/** So much of a text is enough to tell what it is. */
export const BEGINNING = 4096;

const BY_SCHEMA: ReadonlyMap<string, InputKind> = new Map([
  ['report', REPORT],
  ['probe', RECORDING],
  ['fsync', FSYNC_RECORDS],
]);

/** By the schema that stands near the beginning of whatever pgnetflow writes as JSON. */
function recognize(text: string): InputKind | null {
  const [, schema = ''] = /"schema":\s*"pgnetflow\.(\w+)\/\d+"/.exec(text.slice(0, BEGINNING)) ?? [];
  return BY_SCHEMA.get(schema) ?? null;
}
