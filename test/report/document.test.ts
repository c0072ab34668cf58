import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { sample } from './sample.ts';

/** Names of the members of a value, however deep. */
function memberNames(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(memberNames);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => [name, ...memberNames(member)]);
}

describe('docs/report.md', () => {
  it('tells of every member of the JSON report', () => {
    const file = path.join(import.meta.dirname, '..', '..', '..', 'docs', 'report.md');
    const page = readFileSync(file, 'utf8');
    const untold = [...new Set(memberNames(sample()))].filter((name) => !page.includes(`\`${name}\``));
    assert.deepEqual(untold, []);
  });
});
