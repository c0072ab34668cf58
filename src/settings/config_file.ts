import { readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import { nearest } from './nearest.ts';
import type { Settings } from './setting.ts';
import { unreadableFile } from './unreadable_file.ts';
import { UsageError } from './usage_error.ts';

type Texts = ReadonlyMap<string, readonly string[]>;

/** The settings in a configuration file, as texts. */
export interface ConfigFile {
  readonly path: string;
  readonly values: Texts;
  /** Those of each entry under the key `listeners`; null without that key. */
  readonly listeners: readonly Texts[] | null;
}

/** The one key whose value is neither a value nor a list of them. */
const LISTENERS = 'listeners';

/**
 * Reads a configuration file: a YAML mapping of setting names to values, or to lists of values, and of `listeners` to
 * a list of such mappings.
 *
 * @param settings those that it may hold
 * @param ofListener those that an entry of `listeners` may hold
 * @throws {UsageError} when it cannot be read, is no such mapping, or holds another key
 */
export function readConfigFile(path: string, settings: Settings, ofListener: Settings): ConfigFile {
  const root = parse(path);
  if (root === null) return { path, values: new Map(), listeners: null };
  if (!isMapping(root)) throw new UsageError(`${path}: must hold "name: value" lines`);
  const { [LISTENERS]: entries, ...rest } = root;
  const known = Object.keys(settings);
  const values = textsOf(
    rest,
    (key) => {
      if (!known.includes(key))
        throw new UsageError(`${path}: ${unknownSetting(key, [...known, LISTENERS])}`);
    },
    (key) => `${key} in ${path}`,
  );
  if (!(LISTENERS in root)) return { path, values, listeners: null };
  if (!Array.isArray(entries) || entries.length === 0)
    throw new UsageError(
      `${path}: listeners: must be a list, an entry for each server, as in "- {listen: 127.0.0.1:6432, upstream: db1}"`,
    );
  const listeners = entries.map((entry: unknown, index) =>
    listenerTexts(entry, `${path}: listeners[${index}]`, known, Object.keys(ofListener)),
  );
  return { path, values, listeners };
}

/** @param known those that the top level may hold */
function listenerTexts(
  entry: unknown,
  place: string,
  known: readonly string[],
  names: readonly string[],
): Texts {
  if (!isMapping(entry)) throw new UsageError(`${place}: must hold "name: value" lines`);
  return textsOf(
    entry,
    (key) => {
      if (names.includes(key)) return;
      throw new UsageError(
        known.includes(key)
          ? `${place}.${key}: is the same for all listeners; write it at the top level`
          : `${place}: ${unknownSetting(key, names)}`,
      );
    },
    (key) => `${place}.${key}`,
  );
}

function textsOf(
  mapping: Readonly<Record<string, unknown>>,
  checkKey: (key: string) => void,
  placeOf: (key: string) => string,
): Texts {
  const values = new Map<string, readonly string[]>();
  for (const [key, value] of Object.entries(mapping)) {
    checkKey(key);
    const items: unknown[] = Array.isArray(value) ? value : [value];
    values.set(
      key,
      items.map((item) => scalar(item, placeOf(key))),
    );
  }
  return values;
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unknownSetting(key: string, known: readonly string[]): string {
  const meant = nearest(key, known);
  return `unknown setting "${key}"${meant === null ? '' : `; did you mean ${meant}?`}`;
}

function parse(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`--config: ${path}: ${unreadableFile(error)}`);
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
