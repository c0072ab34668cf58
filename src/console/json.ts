import { inSlices } from '../collector/slices.ts';
import type { Steps } from '../report/steps.ts';
import type { SqlValue } from './table.ts';

/** The rows as a JSON array. They are made, and put into text, in slices, so that no byte that passes waits for it. */
export function jsonOf(rows: Iterable<Record<string, SqlValue>>): Promise<string> {
  return inSlices(inSteps(rows));
}

function* inSteps(rows: Iterable<Record<string, SqlValue>>): Steps<string> {
  const pieces: string[] = [];
  for (const row of rows) {
    pieces.push(escapeAll(JSON.stringify(row)));
    yield;
  }
  return `[${pieces.join()}]`;
}

const NEEDS_ESCAPE = /[^\u0020-\u007e]|\\u/;

/**
 * In ASCII, for the server reads it in the client's encoding. PostgreSQL's text has no zero byte, and half a surrogate pair is
 * no text either: both are shown as U+FFFD.
 */
function escapeAll(json: string): string {
  // Nearly all rows.
  if (!NEEDS_ESCAPE.test(json)) return json;
  return json
    .replaceAll(/(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/g, '$1\\ufffd')
    .replaceAll(/[^\u0020-\u007e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
