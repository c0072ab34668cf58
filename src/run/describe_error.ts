import { escapeLine } from '../report/escape.ts';

/** An error in one line for people. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return escapeLine(String(error));
  return escapeLine(error.message === '' ? error.name : error.message);
}
