import { setImmediate } from 'node:timers/promises';
import type { SqlValue } from './table.ts';

/** Rows put into text without giving way to whoever waits for the relay. */
const ROWS_AT_ONCE = 64;

/** The rows as a JSON array, made in slices, so that no byte that passes waits for it. */
export async function jsonOf(rows: readonly Record<string, SqlValue>[]): Promise<string> {
  const pieces: string[] = [];
  for (let at = 0; at < rows.length; at += ROWS_AT_ONCE) {
    if (at > 0) await setImmediate();
    pieces.push(
      rows
        .slice(at, at + ROWS_AT_ONCE)
        .map((row) => escapeAll(JSON.stringify(row)))
        .join(),
    );
  }
  return `[${pieces.join()}]`;
}

/**
 * In ASCII, for the server reads it in the client's encoding. PostgreSQL's text has no zero byte, and half a surrogate pair is
 * no text either: both are shown as U+FFFD.
 */
function escapeAll(json: string): string {
  return json
    .replaceAll(/(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/g, '$1\\ufffd')
    .replaceAll(/[^\u0020-\u007e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
