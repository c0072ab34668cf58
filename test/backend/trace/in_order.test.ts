import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { InOrder } from '../../../src/backend/trace/in_order.ts';
import { TransientPaths } from '../../../src/backend/trace/paths.ts';
import type { TraceRecord } from '../../../src/backend/trace/record.ts';
import { BACKEND, fsync } from './records.ts';

const opened = (at_us: number, fd: number, path: string): TraceRecord => {
  return { type: 'open', at_us, pid: BACKEND, statement: 1, duration_us: 1, result: fd, path };
};

describe('records of several processors', () => {
  it('come out in the order in which they were made, whatever order they were read in', () => {
    const made = Array.from({ length: 23 }, (_, at) => fsync(at * 10, 1));
    fc.assert(
      fc.property(fc.shuffledSubarray(made, { minLength: made.length }), (shuffled) => {
        const out: TraceRecord[] = [];
        const ordered = new InOrder((record) => out.push(record));
        for (const record of shuffled) ordered.add(record);
        ordered.end();
        assert.deepEqual(out, made);
      }),
    );
  });

  it('are held back no longer than until nothing older can come', () => {
    const out: string[] = [];
    const ordered = new InOrder(({ type }) => out.push(type));
    ordered.add(fsync(100, 1));
    ordered.add({ type: 'tick', at_us: 400_000 });
    assert.deepEqual(out, []);
    ordered.add({ type: 'tick', at_us: 1_400_000 });
    assert.deepEqual(out, ['fsync', 'tick']);
    ordered.add({ type: 'detach', at_us: 1_500_000 });
    assert.deepEqual(out, ['fsync', 'tick', 'tick', 'detach']);
  });
});

describe('the path of a descriptor', () => {
  it('is the one that was opened last', () => {
    const paths = new TransientPaths();
    const sync = (): unknown => paths.complete(fsync(1, 1, { transient: true, fd: 7 }));
    paths.complete(opened(1, 7, 'pg_xact/0000'));
    assert.deepEqual(sync(), fsync(1, 1, { transient: true, fd: 7, path: 'pg_xact/0000' }));
    paths.complete(opened(2, 7, 'pg_logical'));
    paths.complete(opened(2, -1, 'no_such_file'));
    assert.deepEqual(sync(), fsync(1, 1, { transient: true, fd: 7, path: 'pg_logical' }));
    paths.complete({ type: 'exit', at_us: 3, pid: BACKEND });
    assert.deepEqual(sync(), fsync(1, 1, { transient: true, fd: 7 }));
  });

  it('is left alone where the descriptor was opened in another way', () => {
    const paths = new TransientPaths();
    paths.complete(opened(1, 7, 'pg_xact/0000'));
    const other = fsync(1, 1, { fd: 7, path: 'base/5/1259' });
    assert.deepEqual(paths.complete(other), other);
  });
});
