import type { ConfigFile } from './config_file.ts';
import { type Setting, type Settings, type Values, environmentName } from './setting.ts';
import { UsageError } from './usage_error.ts';

/** What was written where, before it is understood. */
export interface Sources {
  /** By the name of the setting; undefined is not given. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly config: ConfigFile | null;
  /** Comes before all of these. */
  readonly entry?: Entry;
}

/** One of several things that a configuration file lists, each with settings of its own. */
export interface Entry {
  /** As the user knows it. */
  readonly place: string;
  readonly values: ReadonlyMap<string, readonly string[]>;
  /** Settings that it has itself, or not at all. */
  readonly disowned: ReadonlySet<string>;
}

interface Written {
  /** As the user knows the place. */
  readonly place: string;
  readonly texts: readonly string[];
}

/**
 * Values of a table of settings: what an entry says comes before a flag, that before the environment, that before the
 * configuration file, and that before the default.
 *
 * @throws {UsageError} naming the place and what is wrong there
 */
export function resolveSettings<S extends Settings>(table: S, sources: Sources): Values<S> {
  const values = Object.entries(table).map(([name, setting]) => [
    name,
    resolveSetting(name, setting, sources),
  ]);
  // Each value was made by its own setting.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return Object.fromEntries(values) as Values<S>;
}

/** One setting's value; see {@link resolveSettings}. */
export function resolveSetting<T>(
  name: string,
  setting: Setting<T>,
  sources: Sources,
): T | readonly T[] | null {
  const written =
    fromEntry(name, sources) ??
    (sources.entry?.disowned.has(name) === true ? null : findWritten(name, setting, sources)) ??
    (setting.default === null ? null : { place: 'default', texts: [setting.default] });
  if (written === null) {
    if (setting.kind === 'list') return [];
    if (setting.kind !== 'required') return null;
    throw new UsageError(
      sources.entry === undefined
        ? `--${name} is missing; give it as --${name} ${setting.placeholder}`
        : `${sources.entry.place}.${name} is missing; give it there, or at the top level for all that leave it out`,
    );
  }
  const { place, texts } = written;
  if (setting.kind !== 'list' && texts.length !== 1) {
    throw new UsageError(`${place}: takes one value, not ${texts.length}`);
  }
  const values = texts.map((text) => {
    try {
      if (text === '') throw new Error('has no value');
      return setting.parse(text);
    } catch (error) {
      throw new UsageError(`${place}: ${error instanceof Error ? error.message : String(error)}`);
    }
  });
  return setting.kind === 'list' ? values : values[0]!;
}

/** What is written for all entries, and where; null: nothing. */
export function findWritten(name: string, setting: Setting<unknown>, sources: Sources): Written | null {
  return (
    fromFlag(name, setting, sources) ?? fromEnvironment(name, setting, sources) ?? fromConfig(name, sources)
  );
}

/** A setting as it was written, or as it is unless given. */
export interface WrittenSetting {
  readonly name: string;
  readonly value: string;
  readonly default: string;
}

/** All settings of a table as texts, for people: what holds for all entries, where a file lists several. */
export function writtenSettings(table: Settings, sources: Sources): WrittenSetting[] {
  return Object.entries(table).map(([name, setting]) => {
    const byDefault = setting.default ?? '';
    const written = findWritten(name, setting, sources)?.texts.join(', ');
    return {
      name,
      value: setting.secret === true && written !== undefined ? '(not shown)' : (written ?? byDefault),
      default: byDefault,
    };
  });
}

function fromEntry(name: string, { entry }: Sources): Written | null {
  const texts = entry?.values.get(name);
  return entry === undefined || texts === undefined ? null : { place: `${entry.place}.${name}`, texts };
}

/** A flag without a value is read as true, which only a switch means. */
function fromFlag(name: string, { kind }: Setting<unknown>, { flags }: Sources): Written | null {
  const given = flags[name];
  if (given === undefined) return null;
  const items: unknown[] = Array.isArray(given) ? given : [given];
  const texts = items.map((item) => (item === true && kind !== 'switch' ? '' : String(item)));
  return { place: `--${name}`, texts };
}

/** An empty variable counts as not set; a list is separated by commas. */
function fromEnvironment(name: string, { kind }: Setting<unknown>, { environment }: Sources): Written | null {
  const place = environmentName(name);
  const given = environment[place];
  if (given === undefined || given === '') return null;
  return { place, texts: kind === 'list' ? given.split(',').map((text) => text.trim()) : [given] };
}

function fromConfig(name: string, { config }: Sources): Written | null {
  const texts = config?.values.get(name);
  return config === null || texts === undefined ? null : { place: `${name} in ${config.path}`, texts };
}
