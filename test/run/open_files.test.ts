import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { openFilesLimit, roomWithin } from '../../src/run/open_files.ts';

describe('open files', () => {
  const wanted = { maxConnections: 10_000, maxCancels: 1000 };

  it('are shared by sessions, cancel requests and clients that are turned away', () => {
    for (const [files, maxConnections, maxCancels, reserve] of [
      [1, 1, 1, 0],
      [64, 4, 1, 3],
      [1024, 425, 12, 100],
      [20_250, 9798, 252, 100],
      [1_048_576, 10_000, 1000, 100],
      [Infinity, 10_000, 1000, 100],
    ] as const) {
      assert.deepEqual(roomWithin(files, wanted), { maxConnections, maxCancels, reserve }, `${files} files`);
    }
  });

  it('that sessions do not need are for cancel requests', () => {
    assert.deepEqual(roomWithin(1024, { ...wanted, maxConnections: 100 }), {
      maxConnections: 100,
      maxCancels: 337,
      reserve: 100,
    });
  });

  it('are never more than there are, with 50 for everything else', () => {
    const count = fc.integer({ min: 1, max: 100_000 });
    fc.assert(
      fc.property(fc.integer({ min: 60, max: 300_000 }), count, count, (files, connections, cancels) => {
        const room = roomWithin(files, { maxConnections: connections, maxCancels: cancels });
        assert.ok(2 * room.maxConnections + 2 * room.maxCancels + room.reserve + 50 <= files);
        assert.ok(room.maxConnections <= connections && room.maxCancels <= cancels);
      }),
    );
  });

  it('have a limit, or none that is known', () => {
    assert.ok(openFilesLimit() > 20);
    if (process.platform !== 'linux') assert.equal(openFilesLimit(), Infinity);
  });
});
