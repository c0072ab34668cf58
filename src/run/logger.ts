import pino from 'pino';
import type { Logger } from 'pino';
import { escapeLine } from '../report/escape.ts';

const STDERR = 2;

/**
 * The log, on standard error: a line of text per message on a terminal, a line of JSON otherwise.
 *
 * @param level one of pino's, or `silent`
 */
export function createLogger(level: string): Logger {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  // Written at once, so that the last words before an end are not lost.
  const destination = pino.destination({ fd: STDERR, sync: true });
  // Nobody reads the log any more: that is no reason to stop.
  destination.on('error', () => undefined);
  if (!process.stderr.isTTY) return pino(options, destination);
  return pino(options, { write: (line: string) => destination.write(humanLine(line)) });
}

/** A line of pino's JSON as `time LEVEL message name=value …`; the stack of an error follows on lines of its own. */
export function humanLine(json: string): string {
  const { level, time, msg, err, ...rest } = parseRecord(json);
  const stack = isRecord(err) && typeof err['stack'] === 'string' ? `\n${err['stack']}` : '';
  const name = typeof level === 'number' ? (pino.levels.labels[level] ?? String(level)) : '';
  const values = Object.entries(rest).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  const message = typeof msg === 'string' ? escapeLine(msg) : '';
  return `${[String(time), name.toUpperCase(), message, ...values].join(' ')}${stack}\n`;
}

function parseRecord(json: string): Record<string, unknown> {
  const parsed: unknown = JSON.parse(json);
  return isRecord(parsed) ? parsed : {};
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
