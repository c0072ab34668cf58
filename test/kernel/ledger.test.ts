import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import { socketKey } from '../../src/kernel/address.ts';
import type { KernelLedger } from '../../src/kernel/ledger.ts';
import { reconcile } from '../../src/kernel/reconcile.ts';
import type { SessionRecord } from '../../src/report/model.ts';
import { report } from '../report/sample.ts';
import { ledgerOf, ledgerSoFar, type Line, play, tell } from '../support/kernel_recording.ts';
import { client as c, server as s } from '../support/messages.ts';
import { OPENING } from '../support/story.ts';

const ATTACH: Line = {
  type: 'attach',
  schema: 'pgnetflow.probe/1',
  method: 'bpftrace',
  at: '2026-11-21T13:00:00.000Z',
  clock_us: 0,
};
const ENDS = { local: '127.0.0.1:6432', remote: '127.0.0.1:40001' };
const KEY = socketKey(ENDS.local, ENDS.remote);
const open = (clock_us: number, sent = 0, received = 0, sock = 'a'): Line => ({
  type: 'open',
  sock,
  ...ENDS,
  clock_us,
  sent,
  received,
});
const run = (dir: 'send' | 'recv', from: number, bytes: number, ops = 1, sock = 'a'): Line => ({
  type: 'run',
  sock,
  dir,
  from,
  bytes,
  ops,
});
const close = (clock_us: number, sent: number, received: number, sock = 'a'): Line => ({
  type: 'close',
  sock,
  clock_us,
  sent,
  received,
});
const DETACH: Line = { type: 'detach', clock_us: 9_000_000, lost: 0 };

/** What is kept of the runs of a direction. */
function runsOf(
  ledger: KernelLedger,
  dir: 'sent' | 'received',
  index = 0,
): [from: number, to: number, ops: number][] {
  return ledger.socketsOf(KEY)[index]![dir].runs.map(({ from, to, ops }) => [from, to, ops]);
}

describe('the kernel ledger', () => {
  it('joins the pieces of a run, and nothing else', () => {
    const ledger = ledgerOf([
      ATTACH,
      open(1),
      run('recv', 0, 10, 2),
      run('recv', 10, 5, 1),
      run('send', 0, 7),
      run('recv', 15, 1),
    ]);
    assert.deepEqual(runsOf(ledger, 'received'), [
      [0, 15, 3],
      [15, 16, 1],
    ]);
    assert.deepEqual(runsOf(ledger, 'sent'), [[0, 7, 1]]);
  });

  it('finds the hole that a run leaves, and a run that goes back', () => {
    const ledger = ledgerOf([
      ATTACH,
      open(1),
      run('recv', 0, 10),
      run('recv', 12, 5),
      run('send', 0, 5),
      run('send', 4, 2),
    ]);
    const [life] = ledger.socketsOf(KEY);
    assert.deepEqual(life!.received.holes, [{ from: 10, to: 12, why: 'lost' }]);
    assert.equal(life!.received.contradiction, null);
    assert.deepEqual(life!.sent.contradiction, { at: 4, expected: 5 });
  });

  it('knows two sockets that had the same name and the same ends one after the other', () => {
    const ledger = ledgerOf([
      ATTACH,
      open(1),
      run('recv', 0, 10),
      close(2, 0, 10),
      open(3),
      run('recv', 0, 20),
      close(4, 0, 20),
    ]);
    assert.deepEqual(
      ledger.socketsOf(KEY).map(({ received, state }) => [received.end, state]),
      [
        [10, 'closed'],
        [20, 'closed'],
      ],
    );
  });

  it('takes up a socket again that a second helper finds, with a hole between', () => {
    const ledger = ledgerOf([
      ATTACH,
      open(1),
      run('recv', 0, 10),
      DETACH,
      ATTACH,
      open(1, 3, 30, 'b'),
      run('recv', 30, 1, 1, 'b'),
    ]);
    const lives = ledger.socketsOf(KEY);
    assert.equal(lives.length, 1);
    assert.deepEqual(lives[0]!.received.holes, [{ from: 10, to: 30, why: 'between' }]);
    assert.deepEqual(lives[0]!.sent.holes, [{ from: 0, to: 3, why: 'between' }]);
    assert.deepEqual(
      ledger.helpers.map(({ state }) => state),
      ['detached', 'gone'],
    );
  });

  it('does not join what two helpers say of a socket when one does not know its offsets', () => {
    const unknown = { type: 'open', sock: 'b', ...ENDS, clock_us: 1 };
    const ledger = ledgerOf([
      ATTACH,
      open(1),
      run('recv', 0, 10),
      DETACH,
      ATTACH,
      unknown,
      run('recv', 0, 4, 1, 'b'),
    ]);
    assert.deepEqual(
      ledger.socketsOf(KEY).map(({ received: { end, relative } }) => [end, relative]),
      [
        [10, false],
        [4, true],
      ],
    );
  });

  it('does not take a new socket with old ends for the one before', () => {
    const ledger = ledgerOf([
      ATTACH,
      open(1),
      run('recv', 0, 10),
      DETACH,
      ATTACH,
      open(1),
      run('recv', 0, 4),
    ]);
    assert.deepEqual(
      ledger.socketsOf(KEY).map(({ received }) => received.end),
      [10, 4],
    );
  });

  it('compares totals told by the way with what was told before', () => {
    const totals = (clock_us: number, received: number): Line => ({
      type: 'totals',
      sock: 'a',
      clock_us,
      received,
    });
    const good = ledgerOf([ATTACH, open(1), totals(2, 5), run('recv', 0, 10), totals(9, 10), totals(10, 12)]);
    assert.equal(good.socketsOf(KEY)[0]!.received.contradiction, null);
    const shrinks = ledgerOf([ATTACH, open(1), totals(2, 5), totals(3, 4)]);
    assert.deepEqual(shrinks.socketsOf(KEY)[0]!.received.contradiction, { at: 4, expected: 5 });
    const tooSmall = ledgerOf([ATTACH, open(1), totals(2, 12), close(3, 0, 11)]);
    assert.deepEqual(tooSmall.socketsOf(KEY)[0]!.received.contradiction, { at: 11, expected: 12 });
  });

  it('counts records of sockets that nobody introduced', () => {
    const ledger = ledgerOf([ATTACH, run('recv', 0, 1), close(2, 0, 1)]);
    assert.equal(ledger.orphans, 2);
    assert.equal(ledger.sockets, 0);
  });

  it('adds up old runs when there are too many, and says so', () => {
    const lines: Line[] = [ATTACH, open(1)];
    for (let at = 0; at < 1000; at += 1) lines.push(run('recv', at, 1), run('send', 2 * at, 2));
    const ledger = ledgerOf(lines, { maxRuns: 100, maxSockets: 10 });
    const { received, sent } = ledger.socketsOf(KEY)[0]!;
    assert.ok(received.runs.length + sent.runs.length <= 100);
    assert.deepEqual([received.ops, received.end, sent.ops, sent.end], [1000, 1000, 1000, 2000]);
    assert.equal(received.runs[0]!.folded, true);
    for (const { runs, end, ops } of [received, sent]) {
      assert.equal(
        runs.reduce((sum, one) => sum + one.ops, 0),
        ops,
      );
      assert.equal(runs.at(-1)!.to, end);
      for (const [index, one] of runs.entries()) assert.equal(one.from, runs[index - 1]?.to ?? 0);
    }
  });

  it('forgets the oldest closed sockets when there are too many, and counts them', () => {
    const lines: Line[] = [ATTACH];
    for (let port = 1; port <= 100; port += 1) {
      const sock = String(port);
      lines.push({ ...open(port, 0, 0, sock), remote: `127.0.0.1:${port}` }, run('recv', 0, 1, 1, sock));
      if (port !== 1) lines.push(close(port, 0, 1, sock));
    }
    const ledger = ledgerOf(lines, { maxRuns: 1000, maxSockets: 20 });
    assert.ok(ledger.sockets <= 20);
    assert.equal(ledger.sockets + ledger.forgotten, 100);
    assert.equal(ledger.socketsOf(socketKey(ENDS.local, '127.0.0.1:1')).length, 1, 'the open one is kept');
    assert.equal(ledger.socketsOf(socketKey(ENDS.local, '127.0.0.1:100')).length, 1, 'the latest is kept');
  });

  it('forgets open sockets when all are, and takes what still comes of them for that of strangers', () => {
    const lines: Line[] = [ATTACH];
    for (let port = 1; port <= 23; port += 1) {
      lines.push({ ...open(port, 0, 0, String(port)), remote: `127.0.0.1:${port}` });
    }
    for (let port = 1; port <= 23; port += 1) lines.push(run('recv', 0, 1, 1, String(port)));
    const ledger = ledgerOf(lines, { maxRuns: 1000, maxSockets: 20 });
    assert.ok(ledger.forgotten > 0);
    assert.equal(ledger.orphans, ledger.forgotten);
  });

  it('forgets closed sockets of no session, and no other', () => {
    const other = { ...open(1, 0, 0, 'b'), remote: '127.0.0.1:2' };
    const still = { ...open(1, 0, 0, 'c'), remote: '127.0.0.1:3' };
    const ledger = ledgerSoFar([ATTACH, open(1), close(2, 0, 0), other, close(2, 0, 0, 'b'), still]);
    assert.equal(ledger.sockets, 3);
    ledger.prune((key) => key === KEY);
    assert.equal(ledger.sockets, 2);
    assert.equal(ledger.forgotten, 0);
  });
});

describe('what limits leave out', () => {
  const played = play(
    [
      ...OPENING,
      ...[1, 2, 3, 4, 5].flatMap((number) => [
        { from: 'client' as const, bytes: c.query(`select ${number}`) },
        { from: 'server' as const, bytes: Buffer.concat([s.complete('SELECT 1'), s.ready()]) },
      ]),
    ],
    [0],
  )!;
  const judged = (limits: { maxRuns: number; maxSockets: number }): SessionRecord =>
    reconcile(report([played.session]), ledgerOf(tell(played, { pieces: [1] }), limits)).sessions[0]!;

  it('leaves a session ok, and explains the statements whose runs were added up', () => {
    const { kernel, statements } = judged({ maxRuns: 15, maxSockets: 3 });
    assert.equal(kernel.verdict, 'ok');
    const folded = statements.filter((one) => one.kernel!.causes.includes('runs_folded'));
    assert.ok(folded.length > 0 && folded.every((one) => one.kernel!.verdict === 'explained'));
  });

  it('never calls a session ok of which a socket was forgotten', () => {
    const { kernel } = judged({ maxRuns: 1000, maxSockets: 2 });
    assert.equal(kernel.verdict, 'explained');
    assert.ok(kernel.causes.some(({ code }) => code === 'sockets_forgotten'));
  });
});
