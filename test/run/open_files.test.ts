import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openFilesLimit, sessionsWithin } from '../../src/run/open_files.ts';

describe('open files', () => {
  it('are two per session, and some are left for everything else', () => {
    for (const [files, sessions] of [
      [1, 1],
      [64, 16],
      [1024, 387],
      [20_250, 10_000],
      [Infinity, Infinity],
    ] as const) {
      assert.equal(sessionsWithin(files), sessions, `${files} files`);
    }
  });

  it('have a limit, or none that is known', () => {
    assert.ok(openFilesLimit() > 20);
    if (process.platform !== 'linux') assert.equal(openFilesLimit(), Infinity);
  });
});
