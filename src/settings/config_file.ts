import { readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import { nearest } from './nearest.ts';
import { UsageError } from './usage_error.ts';

/** The settings in a configuration file, as texts. */
export interface ConfigFile {
  readonly path: string;
  readonly values: ReadonlyMap<string, readonly string[]>;
}

/**
 * Reads a configuration file: a YAML mapping of setting names to values, or to lists of values.
 *
 * @param names the keys that it may hold
 * @throws {UsageError} when it cannot be read, is no such mapping, or holds another key
 */
export function readConfigFile(path: string, names: readonly string[]): ConfigFile {
  const root = parse(path);
  if (root === null) return { path, values: new Map() };
  if (typeof root !== 'object' || Array.isArray(root)) {
    throw new UsageError(`${path}: must hold "name: value" lines`);
  }
  const values = new Map<string, readonly string[]>();
  for (const [key, value] of Object.entries(root)) {
    if (!names.includes(key)) {
      const meant = nearest(key, names);
      throw new UsageError(
        `${path}: unknown setting "${key}"${meant === null ? '' : `; did you mean ${meant}?`}`,
      );
    }
    const items: unknown[] = Array.isArray(value) ? value : [value];
    values.set(
      key,
      items.map((item) => scalar(item, `${key} in ${path}`)),
    );
  }
  return { path, values };
}

function parse(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`--config: ${error instanceof Error ? error.message : String(error)}`);
  }
  const document = parseDocument(text, { prettyErrors: false });
  const [problem] = document.errors;
  if (problem !== undefined) {
    const line = text.slice(0, problem.pos[0]).split('\n').length;
    throw new UsageError(`${path}, line ${line}: ${problem.message}`);
  }
  try {
    return document.toJS();
  } catch (error) {
    // Too many aliases, for one.
    throw new UsageError(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function scalar(value: unknown, place: string): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new UsageError(`${place}: ${value === null ? 'has no value' : 'must be a plain value'}`);
}
