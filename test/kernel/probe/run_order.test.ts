import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Run, SocketEvent as Line } from '../../../src/kernel/probe/bpftrace_line.ts';
import type { SocketRecord } from '../../../src/kernel/probe/record.ts';
import { RunOrder } from '../../../src/kernel/probe/run_order.ts';

type Operation = readonly ['send' | 'recv', bytes: number];

const FILTER = { proxyPort: null, serverPort: 5432, pid: null };
const COUNTERS = {
  writeSeq: 0,
  copiedSeq: 0,
  acked: { before: 0, counter: 0, after: 0 },
  sndNxt: 0,
  bytesSentOnce: 0,
  arrived: { before: 0, counter: 0, after: 0 },
  state: 1,
};

function runsOf(operations: readonly Operation[]): Run[] {
  const end = { send: 0, recv: 0 };
  const runs: { -readonly [Name in keyof Run]: Run[Name] }[] = [];
  for (const [index, [dir, bytes]] of operations.entries()) {
    const last = runs.at(-1);
    if (last?.dir === dir) {
      last.bytes += bytes;
      last.ops += 1;
      last.lastUs = index;
    } else {
      runs.push({ seq: runs.length + 1, dir, from: end[dir], bytes, ops: 1, firstUs: index, lastUs: index });
    }
    end[dir] += bytes;
  }
  return runs;
}

/** The lines of one socket's life, `batch` runs in each. */
function linesOf(sock: string, operations: readonly Operation[], batch: number): Line[] {
  const life = { sock, openedUs: 7 };
  const runs = runsOf(operations);
  const [dir, bytes] = operations[0]!;
  const batches: Line[] = [];
  for (let at = 0; at < runs.length; at += batch) {
    batches.push({ type: 'runs', ...life, runs: runs.slice(at, at + batch) });
  }
  const counters = {
    ...COUNTERS,
    writeSeq: dir === 'send' ? bytes : 0,
    arrived: { before: 0, counter: dir === 'recv' ? bytes : 0, after: 0 },
  };
  return [
    { type: 'open', ...life, dir, bytes, counters, pid: 1, comm: 'x' },
    {
      type: 'addresses',
      ...life,
      localPort: 5432,
      remotePort: 40_000,
      local: '127.0.0.1',
      remote: '127.0.0.1',
    },
    ...batches,
    { type: 'close', ...life, clockUs: 99, seq: runs.length + 1, tcp: { segs_out: 1 } },
  ];
}

/** Feeds the order and returns what comes out. */
function ordered(feed: (order: RunOrder) => void): SocketRecord[] {
  const records: SocketRecord[] = [];
  feed(new RunOrder(FILTER, (record) => records.push(record)));
  return records;
}

function runRecords(records: readonly SocketRecord[]) {
  return records.flatMap((one) =>
    one.type === 'run' ? [{ dir: one.dir, from: one.from, bytes: one.bytes, ops: one.ops }] : [],
  );
}

function howMany(records: readonly SocketRecord[], type: SocketRecord['type']): number {
  return records.filter((one) => one.type === type).length;
}

function expected(operations: readonly Operation[]) {
  return runsOf(operations).map(({ dir, from, bytes, ops }) => ({ dir, from, bytes, ops }));
}

const operations = fc.array(
  fc.tuple(fc.constantFrom('send', 'recv'), fc.integer({ min: 1, max: 1_000_000 })),
  { minLength: 1, maxLength: 40 },
);

/** The maps while the newest run is still going on. */
function mapsOf(sock: string, done: readonly Operation[], kept: number) {
  const runs = runsOf(done);
  const last = runs.at(-1)!;
  const before = runs.slice(0, -1);
  const other = before.findLast(({ dir }) => dir !== last.dir);
  const waiting = before.slice(before.length - kept).toReversed();
  const packed = waiting.flatMap(({ dir, bytes, ops, firstUs, lastUs }) => [
    bytes * 4096 + ops * 4 + (dir === 'send' ? 1 : 2),
    (firstUs - 7) * 2 ** 17 + (lastUs - firstUs),
  ]);
  const { seq, dir, from, bytes, ops, firstUs, lastUs } = last;
  const offset = other === undefined ? 0 : other.from + other.bytes;
  const run = [1, seq, kept, 7, dir === 'send' ? 1 : 2, from, offset, bytes, ops, firstUs, lastUs];
  return { run: new Map([[sock, run]]), past: new Map([[sock, [before.length, ...packed]]]) };
}

describe('what several CPUs tell of a socket', () => {
  it('comes out in the order in which it happened, whichever is read first', () => {
    fc.assert(
      fc.property(
        operations,
        fc.integer({ min: 1, max: 6 }),
        fc.infiniteStream(fc.nat()),
        (done, batch, random) => {
          const waiting = linesOf('a1', done, batch);
          const records = ordered((order) => {
            while (waiting.length > 0) {
              const [line] = waiting.splice(random.next().value! % waiting.length, 1);
              order.take(line!, 0);
            }
          });
          assert.equal(records[0]?.type, 'open');
          assert.equal(records.at(-1)?.type, 'close');
          assert.deepEqual(runRecords(records), expected(done));
        },
      ),
    );
  });

  it('is told once, however often the maps are read in between', () => {
    fc.assert(
      fc.property(
        operations,
        fc.array(fc.integer({ min: 1, max: 40 })),
        fc.boolean(),
        (done, readAt, late) => {
          const lines = linesOf('a1', done, 6);
          const records = ordered((order) => {
            const opening = lines.slice(0, 2);
            const rest = lines.slice(2);
            if (!late) for (const line of opening) order.take(line, 0);
            for (const count of readAt.filter((one) => one <= done.length).toSorted((a, b) => a - b)) {
              const { run, past } = mapsOf(
                'a1',
                done.slice(0, count),
                (runsOf(done.slice(0, count)).length - 1) % 6,
              );
              order.takeMaps(past, run, 0);
            }
            if (late) for (const line of opening) order.take(line, 0);
            for (const line of rest) order.take(line, 0);
          });
          assert.ok(records.every(({ type }) => type !== 'lost'));
          const sum = { send: { bytes: 0, ops: 0 }, recv: { bytes: 0, ops: 0 } };
          for (const { dir, from, bytes, ops } of runRecords(records)) {
            assert.equal(from, sum[dir].bytes);
            assert.ok(ops > 0 && bytes >= ops);
            sum[dir].bytes += bytes;
            sum[dir].ops += ops;
          }
          for (const dir of ['send', 'recv'] as const) {
            const own = done.filter(([one]) => one === dir);
            assert.deepEqual(sum[dir], {
              bytes: own.reduce((all, [, bytes]) => all + bytes, 0),
              ops: own.length,
            });
          }
        },
      ),
    );
  });

  it('asks for the maps again when they disagree', () => {
    const done: Operation[] = [
      ['recv', 5],
      ['send', 7],
      ['recv', 11],
    ];
    const [open, addresses] = linesOf('a1', done, 6);
    const { run, past } = mapsOf('a1', done, 2);
    const records = ordered((order) => {
      order.take(open!, 0);
      order.take(addresses!, 0);
      assert.equal(order.takeMaps(new Map([['a1', [1, ...past.get('a1')!.slice(1)]]]), run, 0), 1);
      assert.equal(order.takeMaps(past, run, 0), 0);
    });
    assert.deepEqual(runRecords(records), expected(done));
  });

  it('asks again for a socket that has ended, of which a line is still missing', () => {
    const done: Operation[] = [
      ['recv', 5],
      ['send', 7],
    ];
    const lines = linesOf('a1', done, 6);
    const [runs] = lines.splice(2, 1);
    const records = ordered((order) => {
      for (const line of lines) order.take(line, 0);
      assert.equal(order.takeMaps(new Map(), new Map(), 0), 1);
      order.take(runs!, 0);
      assert.equal(order.takeMaps(new Map(), new Map(), 0), 0);
    });
    assert.deepEqual(runRecords(records), expected(done));
  });

  it('counts as lost when it is missing for three seconds, and what follows is told', () => {
    const done: Operation[] = [
      ['recv', 5],
      ['send', 7],
      ['recv', 11],
      ['send', 13],
    ];
    const [open, addresses, first, second, third, fourth, close] = linesOf('a1', done, 1);
    assert.ok(first !== undefined && third !== undefined);
    const records = ordered((order) => {
      for (const line of [open, addresses, first, fourth, close]) order.take(line!, 0);
      order.release(2999);
      assert.ok(second !== undefined, 'it is on its way');
      order.release(3000);
    });
    assert.deepEqual(
      records.map((one) => (one.type === 'lost' ? one.count : one.type)),
      ['open', 'run', 2, 'run', 'close'],
    );
    assert.deepEqual(runRecords(records).at(-1), { dir: 'send', from: 7, bytes: 13, ops: 1 });
  });

  it('is told once, though batches are told again, of a socket that has ended, too', () => {
    fc.assert(
      fc.property(operations, fc.infiniteStream(fc.nat()), (done, random) => {
        const lines = linesOf('a1', done, 6);
        const records = ordered((order) => {
          for (const [at, line] of lines.entries()) {
            order.take(line, 0);
            const again = lines[random.next().value! % (at + 1)]!;
            if (again.type === 'runs') order.take(again, 0);
          }
          for (const line of lines) if (line.type === 'runs') order.take(line, 0);
          order.release(3000);
          order.release(6000);
        });
        assert.deepEqual(runRecords(records), expected(done));
        assert.deepEqual([records.at(-1)!.type, howMany(records, 'lost')], ['close', 0]);
      }),
    );
  });

  it('is not waited for, nor lost, when a socket that does not rest was ahead of the maps at the end', () => {
    const done: Operation[] = Array.from({ length: 15 }, (_, at) => [at % 2 === 0 ? 'recv' : 'send', at + 1]);
    const [open, addresses, first, second] = linesOf('a1', done, 6);
    const { run, past } = mapsOf('a1', done, 2);
    const records = ordered((order) => {
      for (const line of [open, addresses, first]) order.take(line!, 0);
      // The second batch was full after the batches were told, and before the other maps were.
      assert.equal(order.takeMaps(past, run, 100), 1);
      assert.deepEqual([order.missingSince(100), order.missingSince(101)], [0, 1]);
      // They were asked for at 99.
      order.release(101, 101 - 99);
    });
    assert.deepEqual(runRecords(records), expected(done).slice(0, 6));
    assert.equal(howMany(records, 'lost'), 0);
    const more = ordered((order) => {
      for (const line of [open, addresses, first]) order.take(line!, 0);
      order.takeMaps(past, run, 100);
      order.take(second!, 200);
    });
    assert.deepEqual(runRecords(more), expected(done));
  });

  it('tells two sockets apart that had the same address', () => {
    const done: Operation[] = [
      ['recv', 5],
      ['send', 7],
    ];
    const again = linesOf('a1', done, 6).map((line) => ({ ...line, openedUs: 8 }));
    const records = ordered((order) => {
      for (const line of [...again, ...linesOf('a1', done, 6)]) order.take(line, 0);
    });
    assert.deepEqual([...new Set(records.map((one) => 'sock' in one && one.sock))], ['0xa1@8', '0xa1@7']);
  });

  it('forgets a socket whose end was missed when its address is used again', () => {
    const done: Operation[] = [['recv', 5]];
    const endless = linesOf('a1', done, 6).filter(({ type }) => type !== 'close');
    const again = linesOf('a1', done, 6).map((line) => ({ ...line, openedUs: 8 }));
    const records = ordered((order) => {
      for (const line of [...endless, ...again]) order.take(line, 0);
      order.release(3000);
    });
    assert.deepEqual(
      records.map((one) => (one.type === 'lost' ? one.count : one.type)),
      ['open', 'run', 'open', 'run', 'close', 1],
    );
  });

  it('leaves out the figures of a connection that was reset from here, for the kernel sets them to 0', () => {
    const lines = linesOf('a1', [['send', 5]], 6).map((line) =>
      line.type === 'close' ? { ...line, tcp: { segs_out: 0 } } : line,
    );
    const records = ordered((order) => {
      for (const line of lines) order.take(line, 0);
    });
    const close = records.at(-1);
    assert.ok(close?.type === 'close' && !('tcp' in close));
    assert.equal(close.sent, 5);
  });
});
