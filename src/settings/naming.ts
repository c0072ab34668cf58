import { UsageError } from './usage_error.ts';

/** Which entry of a configuration file a listener's settings are from; null: there are no entries. */
export interface ListenerEntry {
  readonly file: string;
  /** From 0, as in `listeners[0]`. */
  readonly index: number;
}

/** A setting as the user of this listener knows it: `--tls-cert`, or `listeners[1].tls-cert`. */
export function named(entry: ListenerEntry | null, setting: string): string {
  return entry === null ? `--${setting}` : `listeners[${entry.index}].${setting}`;
}

/** @param message with its settings {@link named} */
export function problemOf(entry: ListenerEntry | null, message: string): UsageError {
  return new UsageError(entry === null ? message : `${entry.file}: ${message}`);
}
