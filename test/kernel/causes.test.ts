import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import { type CauseCode, CAUSES } from '../../src/kernel/causes.ts';
import type { KernelLedger } from '../../src/kernel/ledger.ts';
import { reconcile } from '../../src/kernel/reconcile.ts';
import { notCounted } from '../../src/report/not_counted.ts';
import type { SessionRecord, Verdict } from '../../src/report/model.ts';
import { report } from '../report/sample.ts';
import {
  ledgerOf,
  ledgerSoFar,
  type Line,
  play,
  type Played,
  type SocketName,
  tell,
} from '../support/kernel_recording.ts';
import { client as c, server as s } from '../support/messages.ts';
import { type Chunk, OPENING } from '../support/story.ts';

const answer = [s.rowDescription(), s.dataRow('1'), s.complete('SELECT 1'), s.ready()];
const MESSAGES: readonly Chunk[] = [
  ...OPENING,
  { from: 'client', bytes: c.query('select 1') },
  { from: 'server', bytes: Buffer.concat(answer) },
  { from: 'client', bytes: c.query('select 2') },
  { from: 'server', bytes: Buffer.concat(answer) },
  { from: 'client', bytes: c.terminate() },
];

const played = (splits: readonly number[] = [0]): Played => play(MESSAGES, splits)!;

interface Story {
  readonly verdict: Verdict;
  readonly session?: (session: SessionRecord) => void;
  /** What is recorded; the truth unless given. */
  readonly lines?: (lines: Line[]) => (Line | string)[];
  readonly read?: (lines: readonly (Line | string)[]) => KernelLedger;
  /** Where the cause stands; in the session unless given. */
  readonly of?: 'statement';
  /** Other causes that come along. */
  readonly besides?: readonly CauseCode[];
}

const isOf =
  (sock: SocketName, type?: string) =>
  (line: Line): boolean =>
    line['sock'] === sock && (type === undefined || line.type === type);

const changed = (lines: Line[], which: (line: Line) => boolean, fields: Record<string, unknown>): Line[] =>
  lines.map((line) => (which(line) ? { ...line, ...fields } : line));

/** Up to some line, and then the last words of the helper. */
function detachedAfter(lines: Line[], at: number): Line[] {
  const detach = { type: 'detach', clock_us: 1000 + at, lost: 0, reason: 'signal' };
  return [...lines.slice(0, at), detach];
}

const firstRun = (lines: Line[], sock: SocketName): number => lines.findIndex(isOf(sock, 'run'));

/** One story for each cause that there is. */
const STORIES: Readonly<Record<CauseCode, Story>> = {
  bytes_differ: { verdict: 'mismatch', session: ({ wire }) => (wire.client.bytes_in += 1) },
  operations_differ: { verdict: 'mismatch', session: ({ wire }) => (wire.client.writes += 1) },
  gap: { verdict: 'mismatch', lines: (lines) => lines.toSpliced(firstRun(lines, 'server'), 1) },
  contradiction: {
    verdict: 'mismatch',
    lines: (lines) => changed(lines, isOf('client', 'open'), { sent: 1 }),
  },
  statement_differs: { verdict: 'mismatch', session: ({ statements }) => (statements[1]!.S.reads += 1) },
  range_differs: { verdict: 'mismatch', session: ({ statements }) => (statements[1]!.S.bytes += 1) },
  tls_records: {
    verdict: 'explained',
    session: ({ wire }) => {
      wire.client.tls = {
        protocol: 'TLSv1.3',
        cipher: 'x',
        overhead_in: 22,
        overhead_out: 22,
        records_in: 1,
        records_out: null,
      };
      wire.client.reads -= 1;
    },
  },
  partial_writes: {
    verdict: 'explained',
    session: ({ wire }) => {
      wire.server.writes -= 1;
      wire.server.deferred += 1;
    },
  },
  untaken_writes: {
    verdict: 'explained',
    session: ({ wire }) => {
      wire.client.writes += 1;
      wire.client.deferred += 1;
    },
  },
  undelivered: {
    verdict: 'explained',
    session: ({ wire, undelivered }) => {
      wire.client.bytes_out -= 5;
      undelivered.S = 9;
    },
  },
  backend_unread: {
    verdict: 'explained',
    lines: (lines) => {
      const last = lines.findLastIndex((line) => isOf('backend', 'run')(line) && line['dir'] === 'recv');
      const left = lines.toSpliced(last, 1);
      return changed(left, isOf('backend', 'close'), { received: Number(lines[last]!['from']) });
    },
  },
  backend_unreceived: {
    verdict: 'explained',
    lines: (lines) => {
      const close = lines.findIndex(isOf('backend', 'close'));
      const sent = Number(lines[close]!['sent']);
      const run = { type: 'run', sock: 'backend', dir: 'send', from: sent, bytes: 7, ops: 1 };
      return changed(lines, isOf('backend', 'close'), { sent: sent + 7 }).toSpliced(close, 0, run);
    },
  },
  attached_late: { verdict: 'explained', lines: () => tell(played(), { pieces: [1], attachedAt: 9 }) },
  reattached: {
    verdict: 'explained',
    lines: (lines) => {
      const at = firstRun(lines, 'backend') + 1;
      return [...detachedAfter(lines, at), ...tell(played(), { pieces: [1], attachedAt: 13 })];
    },
  },
  detached_early: {
    verdict: 'explained',
    lines: (lines) => detachedAfter(lines, firstRun(lines, 'backend') + 1),
  },
  lost_records: {
    verdict: 'explained',
    lines: (lines) => lines.with(firstRun(lines, 'server'), { type: 'lost', count: 2, clock_us: 3 }),
  },
  damaged_lines: {
    verdict: 'explained',
    lines: (lines) => {
      const damaged: (Line | string)[] = [...lines];
      damaged[firstRun(lines, 'server')] = '{"type":"run"';
      return damaged;
    },
  },
  no_attach: { verdict: 'explained', lines: (lines) => lines.slice(1) },
  no_detach: { verdict: 'explained', lines: (lines) => lines.slice(0, -1) },
  no_close: {
    verdict: 'explained',
    lines: (lines) => lines.filter((line) => !isOf('server', 'close')(line)),
  },
  not_flushed: {
    verdict: 'explained',
    lines: (lines) => lines.slice(0, firstRun(lines, 'backend') + 1),
    read: (lines) => {
      const ledger = ledgerSoFar(lines);
      ledger.notFlushed();
      return ledger;
    },
  },
  orphan_records: {
    verdict: 'explained',
    lines: (lines) => lines.filter((line) => !isOf('backend', 'open')(line)),
  },
  sockets_forgotten: {
    verdict: 'explained',
    read: (lines) => ledgerOf(lines, { maxRuns: 1000, maxSockets: 2 }),
    besides: ['socket_not_seen'],
  },
  still_open: {
    verdict: 'explained',
    session: (session) => {
      session.ended_at = null;
    },
    lines: (lines) => lines.slice(0, firstRun(lines, 'backend') + 1),
    read: ledgerSoFar,
  },
  totals_only: {
    verdict: 'explained',
    lines: (lines) =>
      changed(lines, ({ type }) => type === 'attach', { method: 'ss' }).filter(({ type }) => type !== 'run'),
  },
  shared_run: {
    verdict: 'explained',
    of: 'statement',
    session: ({ statements }) => {
      statements[0]!.stream.S![0]![1] -= 1;
      statements[0]!.S.bytes -= 1;
    },
  },
  runs_folded: {
    verdict: 'explained',
    of: 'statement',
    read: (lines) => ledgerOf(lines, { maxRuns: 7, maxSockets: 3 }),
  },
  no_helper: {
    verdict: 'unchecked',
    lines: () => [],
    session: (session) => {
      session.kernel = notCounted();
    },
  },
  unix_socket: {
    verdict: 'explained',
    session: ({ wire }) => {
      wire.client.local = null;
      wire.client.remote = null;
    },
  },
  socket_not_seen: {
    verdict: 'unchecked',
    session: ({ wire }) => {
      wire.client.local!.port = 1;
      wire.server.local!.port = 1;
    },
  },
  stream_unknown: {
    verdict: 'unchecked',
    of: 'statement',
    session: ({ statements }) => {
      statements[0]!.stream.S = null;
    },
  },
};

function judge({ session: change, lines = (all) => all, read = ledgerOf }: Story): SessionRecord {
  const session = structuredClone(played().session);
  const takenAt = session.ended_at!;
  change?.(session);
  return reconcile({ ...report([session]), ended_at: takenAt }, read(lines(tell(played(), { pieces: [1] }))))
    .sessions[0]!;
}

describe('a cause', () => {
  for (const [code, story] of Object.entries(STORIES)) {
    it(`${code} has its story, and its words say its figures`, () => {
      const { kernel, statements } = judge(story);
      if (story.of === 'statement') {
        const found = statements.find((one) => one.kernel!.causes.includes(code))?.kernel;
        assert.equal(found?.verdict, story.verdict, JSON.stringify(statements.map((one) => one.kernel)));
        return;
      }
      assert.equal(kernel.verdict, story.verdict, JSON.stringify(kernel.causes));
      const found = kernel.causes.find((cause) => cause.code === code);
      assert.ok(found !== undefined, JSON.stringify(kernel.causes));
      assert.ok(!/NaN|undefined|\[object/.test(found.text), found.text);
    });
  }

  it('is told without figures that it does not have', () => {
    for (const [code, { text }] of Object.entries(CAUSES))
      assert.doesNotMatch(text({}), /undefined|NaN/, code);
  });
});

describe('what is no reason for a doubt', () => {
  it('is an open session of which all was seen and nothing is pending', () => {
    const open = judge({
      verdict: 'ok',
      session: (session) => {
        session.ended_at = null;
      },
      lines: (lines) => [
        ...lines.filter(({ type }) => type !== 'close' && type !== 'detach'),
        { type: 'flushed', token: 1, clock_us: 99 },
      ],
      read: ledgerSoFar,
    });
    assert.equal(open.kernel.verdict, 'ok', JSON.stringify(open.kernel.causes));
  });

  it('is a backend on another machine', () => {
    const { kernel, statements } = judge({
      verdict: 'ok',
      lines: (lines) => lines.filter((line) => !isOf('backend')(line)),
    });
    assert.equal(kernel.verdict, 'ok', JSON.stringify(kernel.causes));
    assert.equal(kernel.backend, null);
    assert.equal(kernel.counts?.S.backend_operations, null);
    assert.ok(statements.every((one) => one.kernel?.verdict === 'ok' && one.kernel.backend === null));
  });

  it('is a client that the server never saw', () => {
    const { kernel } = judge({
      verdict: 'ok',
      session: (session) => {
        session.server = null;
        session.statements = [];
        session.wire.server = {
          ...session.wire.server,
          bytes_in: 0,
          bytes_out: 0,
          local: null,
          remote: null,
        };
      },
    });
    assert.equal(kernel.verdict, 'ok', JSON.stringify(kernel.causes));
  });
});
