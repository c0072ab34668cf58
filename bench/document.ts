import { readFileSync, writeFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';

export const BEGIN = '<!-- measured: written by `npm run bench` -->';
export const END = '<!-- end of what was measured -->';

/** Puts a report between the marks of a document; the prose around them stays. @throws when it has no such marks */
export function withMeasured(document: string, report: string): string {
  const from = document.indexOf(BEGIN);
  const to = document.indexOf(END);
  if (from < 0 || to < from) throw new Error(`it has no lines "${BEGIN}" and "${END}"`);
  // The document has a title of its own.
  const measured = report.replace(/^# .*\n+/, '').trimEnd();
  return `${document.slice(0, from)}${BEGIN}\n\n${measured}\n\n${document.slice(to)}`;
}

/** @throws when the file cannot be read or written, or has no marks */
export async function writeDocument(file: string, report: string): Promise<void> {
  const page = withMeasured(readFileSync(file, 'utf8'), report);
  writeFileSync(file, await format(page, { ...(await resolveConfig(file)), parser: 'markdown' }));
}
