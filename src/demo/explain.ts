import { EmbeddedPostgresError, errorCode } from '../embedded/error.ts';
import { DemoError } from './demo_error.ts';

/** SQLSTATE disk_full. */
const DISK_FULL = '53100';
/** What PostgreSQL prints when it could not write, and when it could write a part only. */
const NO_SPACE = /No space left on device|Check free disk space/;

/**
 * The error as the user should read it, on one line: why, and what to do.
 *
 * @param serverLog what PostgreSQL has printed; '' when it did not run
 */
export function explain(error: unknown, serverLog: string): unknown {
  if (error instanceof DemoError) return error;
  const text = error instanceof Error ? error.message : String(error);
  if (errorCode(error) === DISK_FULL || NO_SPACE.test(text) || NO_SPACE.test(serverLog)) {
    const message = 'the disk is full: give fewer --rows, or set TMPDIR to a directory with more room';
    return new DemoError(message, { cause: error });
  }
  // The launcher's messages have PostgreSQL's output below their first line, and say themselves what to do.
  const [what = '', ...output] = text.split('\n');
  if (error instanceof EmbeddedPostgresError) {
    return new DemoError(what.replace(/:$/, '') + lastWords(output), { cause: error });
  }
  const words = lastWords(serverLog.split('\n'));
  return new DemoError(`the experiment broke off: ${text}${words}; try again, or with fewer --rows`, {
    cause: error,
  });
}

/** The last line that says why PostgreSQL ended, or else the last that is not empty. */
function lastWords(lines: readonly string[]): string {
  const fatal = lines.findLast((line) => /\b(?:PANIC|FATAL|initdb: error):/.test(line));
  const line = fatal ?? lines.findLast((one) => one.trim() !== '');
  return line === undefined ? '' : `; PostgreSQL said: ${line.trim()}`;
}
