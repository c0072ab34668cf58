import { readFile } from 'node:fs/promises';

const LINES = 15;

/** The last lines of a log file, for an error message. */
export async function lastLines(file: string): Promise<string> {
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  return lines.slice(-LINES).join('\n');
}
