import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { Backend, Frontend } from '../../src/wire/message_types.ts';

const ROOT = path.join(import.meta.dirname, '..', '..', '..');
const document = readFileSync(path.join(ROOT, 'docs', 'protocol.md'), 'utf8');

/** First cells of the table under a heading. */
function rowsUnder(heading: string): string[] {
  const section = document.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0];
  assert.ok(section !== undefined, `no section ${heading}`);
  return [...section.matchAll(/^\| ([^|]+?) +\|/gm)].map(([, cell]) => cell!);
}

describe('docs/protocol.md', () => {
  for (const [heading, types] of [
    ['Messages of the client', Frontend],
    ['Messages of the server', Backend],
  ] as const) {
    it(`has each message type once: ${heading}`, () => {
      const rows = rowsUnder(heading);
      for (const name of Object.keys(types)) {
        assert.equal(rows.filter((row) => row === name).length, 1, `rows of ${name}`);
      }
    });
  }

  it('names tests that exist', () => {
    const named = [...document.matchAll(/`(test\/[^`]+\.ts)`: “([^”]+)”/g)];
    assert.ok(named.length > 70, `${named.length} tests named`);
    for (const [, file, name] of named) {
      assert.ok(existsSync(path.join(ROOT, file!)), file);
      assert.ok(readFileSync(path.join(ROOT, file!), 'utf8').includes(name!), `${file} has no “${name}”`);
    }
    // Each row that promises something names its test, or says that it is not there yet.
    const rows = document
      .split('\n')
      .filter((line) => /^\| [^-]/.test(line) && !/\| (test|proved by) +\|$/.test(line));
    for (const row of rows) assert.ok(row.includes('`test/') || row.includes('not yet'), row);
  });
});
