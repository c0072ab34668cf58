import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { describe, it } from 'node:test';

const root = path.join(import.meta.dirname, '..', '..', '..');

describe('the documentation', () => {
  it('is what the tables in the source say', () => {
    const { status, stderr } = spawnSync(
      process.execPath,
      [path.join(root, 'scripts', 'docs.js'), '--check'],
      {
        encoding: 'utf8',
      },
    );
    assert.equal(stderr, '');
    assert.equal(status, 0);
  });
});
