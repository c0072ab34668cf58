import { readFileSync } from 'node:fs';
import path from 'node:path';

/** The folder that holds package.json and the Dockerfile; the built tests run from dist/test/docker. */
export const root = path.join(import.meta.dirname, '..', '..', '..');

export interface Instruction {
  /** In capitals, as in `COPY`. */
  readonly name: string;
  /** What follows, with continued lines joined and comments left out. */
  readonly rest: string;
}

/** The Dockerfile's instructions: as much of its grammar as ours uses (no heredocs, no ONBUILD). */
export function readDockerfile(): Instruction[] {
  const text = readFileSync(path.join(root, 'Dockerfile'), 'utf8')
    .replaceAll(/^\s*#.*\n/gm, '')
    .replaceAll(/\s*\\\n\s*/g, ' ');
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [name = '', ...rest] = line.trim().split(/\s+/);
      return { name: name.toUpperCase(), rest: rest.join(' ') };
    });
}

/** What follows each instruction of one name. */
export function restsOf(instructions: readonly Instruction[], name: string): string[] {
  return instructions.filter((one) => one.name === name).map((one) => one.rest);
}

/** The words of an exec form, `["node", "…"]`. */
export function execForm(text: string): string[] {
  const words: unknown = JSON.parse(text);
  if (!Array.isArray(words) || !words.every((word) => typeof word === 'string')) {
    throw new TypeError(`not the exec form: ${text}`);
  }
  return words;
}

/** The variables of `ENV NAME=value …`; values hold no spaces in ours. */
export function environmentOf(instructions: readonly Instruction[]): Map<string, string> {
  const pairs = restsOf(instructions, 'ENV').flatMap((rest) => rest.split(' '));
  return new Map(
    pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)] as const),
  );
}
