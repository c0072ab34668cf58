import { strict as assert } from 'node:assert';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** In the source tree: the built tests run from dist/test. */
const FOLDER = path.join(import.meta.dirname, '..', '..', 'test', 'golden');

/** Compares with `test/golden/NAME`; with UPDATE_GOLDEN=1 in the environment it writes that file instead. */
export function assertGolden(name: string, actual: string): void {
  const file = path.join(FOLDER, name);
  if (process.env['UPDATE_GOLDEN'] === '1') {
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(file, actual);
  }
  assert.equal(actual, readFileSync(file, 'utf8'));
}
