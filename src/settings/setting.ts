/**
 * One setting, told once: flag, environment variable, configuration file, help and documentation are all made from
 * this. Its name is the long flag without the dashes, and the key in the configuration file.
 */
export interface Setting<T> {
  readonly kind: Kind;
  readonly group: string;
  /** What stands for its value in the help. */
  readonly placeholder: string;
  readonly unit: Unit;
  readonly describe: string;
  /** As the user would write it; null when it has none: a list is empty then. */
  readonly default: string | null;
  /** Its value is shown to nobody. */
  readonly secret?: true;
  /** @throws {Error} saying what is wrong, to be put behind the name of the setting */
  readonly parse: (text: string) => T;
}

/** `required` and `list` have a value, `optional` may be null, `switch` is given without a value. */
export type Kind = 'required' | 'optional' | 'value' | 'list' | 'switch';

export type Unit =
  | 'bytes'
  | 'seconds'
  | 'statements'
  | 'sessions'
  | 'threads'
  | 'fingerprints'
  | 'rows'
  | 'rounds'
  | 'sql'
  | 'connections'
  | 'cancels'
  | 'address'
  | 'network'
  | 'file'
  | 'name'
  | 'token'
  | 'none';

export type Settings = Readonly<Record<string, Setting<unknown>>>;

type Value<S> = S extends { kind: infer K; parse: (text: string) => infer T }
  ? K extends 'list'
    ? readonly T[]
    : K extends 'optional'
      ? T | null
      : T
  : never;

/** The values of a table of settings. */
export type Values<S extends Settings> = { readonly [Name in keyof S]: Value<S[Name]> };

/** One line of a table of settings; its kind stays known. */
export function setting<const K extends Setting<unknown>['kind'], T>(
  kind: K,
  rest: Omit<Setting<T>, 'kind'>,
): Setting<T> & { readonly kind: K } {
  return { kind, ...rest };
}

export function environmentName(name: string): string {
  return `PGNETFLOW_${name.toUpperCase().replaceAll('-', '_')}`;
}

export function integer(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d{1,15}$/.test(text) || value < least || value > most) {
      throw new Error(`"${text}" is no whole number from ${least} to ${most}`);
    }
    return value;
  };
}

/** As {@link seconds}, or 0 for never. */
export function secondsOrNever(most: number): (text: string) => number {
  return (text) => (/^0+(\.0+)?$/.test(text) ? 0 : seconds(most)(text));
}

/** Whole seconds as written, milliseconds as a value. */
export function wholeSecondsOrNever(most: number): (text: string) => number {
  const parse = integer(0, most);
  return (text) => parse(text) * 1000;
}

/** Seconds as written, milliseconds as a value. */
export function seconds(most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+(\.\d+)?$/.test(text) || value < 0.001 || value > most) {
      throw new Error(`"${text}" is no number of seconds from 0.001 to ${most}`);
    }
    return Math.round(value * 1000);
  };
}
