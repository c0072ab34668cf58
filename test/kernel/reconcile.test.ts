import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { reconcile } from '../../src/kernel/reconcile.ts';
import type { ReportRecord, SessionRecord } from '../../src/report/model.ts';
import { anyPieces, piecesOf, validConversation } from '../fuzz/conversation.ts';
import { report } from '../report/sample.ts';
import { client as c, server as s } from '../support/messages.ts';
import { ledgerOf, type Line, play, type Played, tell } from '../support/kernel_recording.ts';
import { type Chunk, OPENING } from '../support/story.ts';

const anySplits = fc.array(fc.nat(60), { minLength: 1, maxLength: 7 });

/** A conversation, and the operations that the kernel has seen of it. */
const anyPlayed: fc.Arbitrary<Played> = fc
  .tuple(validConversation, anySplits)
  .map(([conversation, splits]) => play(piecesOf(conversation), splits))
  .filter((played) => played !== null);

/** No write is taken in parts: then each count of the proxy has one count of the kernel that it must equal. */
const anyExact: fc.Arbitrary<Played> = validConversation
  .map((conversation) => play(piecesOf(conversation), [0]))
  .filter((played) => played !== null);

const anyLines = anyPieces.map((pieces) => ({ pieces }));

function judged({ session }: Pick<Played, 'session'>, lines: readonly (Line | string)[]): ReportRecord {
  return reconcile(report([session]), ledgerOf(lines));
}

function sessionOf(record: ReportRecord): SessionRecord {
  return record.sessions[0]!;
}

function codesOf({ kernel }: SessionRecord): string[] {
  return [...new Set(kernel.causes.map(({ code }) => code))].toSorted();
}

/** A mismatch, or one that says why it is none. */
function assertNoticed(session: SessionRecord, what: string): void {
  const { verdict, causes } = session.kernel;
  assert.ok(verdict === 'mismatch' || verdict === 'explained', `${what}: ${verdict}`);
  assert.ok(causes.length > 0, what);
}

/** Everything that a record counts, but operations of the backend: nobody else counts those. */
function* figuresOf(lines: readonly Line[]): Generator<[index: number, name: string]> {
  for (const [index, line] of lines.entries()) {
    if (line.type === 'run') {
      yield [index, 'from'];
      yield [index, 'bytes'];
      if (line['sock'] !== 'backend') yield [index, 'ops'];
    } else if (line.type === 'open' || line.type === 'close') {
      yield [index, 'sent'];
      yield [index, 'received'];
    }
  }
}

function with1More(lines: readonly Line[], index: number, name: string): Line[] {
  return lines.map((line, at) => (at === index ? { ...line, [name]: Number(line[name]) + 1 } : line));
}

const conversation = (...messages: Chunk[]): Chunk[] => [...OPENING, ...messages];
const C = (...messages: Buffer[]): Chunk => ({ from: 'client', bytes: Buffer.concat(messages) });
const S = (...messages: Buffer[]): Chunk => ({ from: 'server', bytes: Buffer.concat(messages) });
const answer = [s.rowDescription(), s.dataRow('1'), s.complete('SELECT 1'), s.ready()];

describe('reconciliation with a truthful kernel', () => {
  it('finds any conversation equal to the byte and to the operation', () => {
    fc.assert(
      fc.property(anyExact, anyLines, (played, telling) => {
        const record = judged(played, tell(played, telling));
        const session = sessionOf(record);
        assert.deepEqual(session.kernel.causes, []);
        assert.equal(session.kernel.verdict, 'ok');
        for (const { seq, kernel } of session.statements)
          assert.deepEqual(
            kernel?.causes.filter((code) => code !== 'shared_run'),
            [],
            `statement ${seq}`,
          );
        assert.deepEqual(record.kernel?.coverage, { client: 100, server: 100, backend: 100 });
        assert.deepEqual(record.kernel?.sessions, { ok: 1, explained: 0, mismatch: 0, unchecked: 0 });
      }),
    );
  });

  it('explains writes that were taken in parts, and nothing else', () => {
    fc.assert(
      fc.property(anyPlayed, anyLines, (played, telling) => {
        const session = sessionOf(judged(played, tell(played, telling)));
        const { client, server } = session.wire;
        const deferred = client.deferred + server.deferred;
        assert.deepEqual(codesOf(session), deferred > 0 ? ['partial_writes'] : []);
        assert.equal(session.kernel.verdict, deferred > 0 ? 'explained' : 'ok');
        for (const { kernel } of session.statements)
          assert.ok(['ok', 'explained'].includes(kernel!.verdict), JSON.stringify(kernel));
      }),
    );
  });

  it('gives no operation to two statements', () => {
    fc.assert(
      fc.property(anyExact, anyLines, (played, telling) => {
        const { kernel, statements } = sessionOf(judged(played, tell(played, telling)));
        for (const [direction, all] of [
          ['R', kernel.server?.writes],
          ['S', kernel.server?.reads],
        ] as const) {
          const given = statements.reduce((sum, one) => sum + one.kernel!.proxy![direction].operations, 0);
          assert.ok(given <= Number(all), `${direction}: ${given} of ${all}`);
        }
      }),
    );
  });

  it('finds statements that wait for each other ok, each with its own operations', () => {
    const played = play(
      conversation(
        C(c.query('select 1')),
        S(...answer),
        C(c.query('select 2')),
        S(answer[0]!),
        S(...answer.slice(1)),
        C(c.terminate()),
      ),
      [0, 7],
    )!;
    const { kernel, statements } = sessionOf(judged(played, tell(played, { pieces: [1] })));
    assert.equal(kernel.verdict, 'explained', 'some writes were taken in two parts');
    assert.deepEqual(
      statements.map((one) => one.kernel?.proxy?.S.operations),
      [1, 2],
    );
    assert.ok(statements.every((one) => one.kernel?.backend !== null && one.kernel?.proxy?.S.shared === 0));
    assert.deepEqual(
      statements.map((one) => one.stream.S?.map(([from, to]) => to - from)),
      statements.map((one) => [one.S.bytes]),
    );
  });

  it('says which statements share operations in a pipeline', () => {
    const played = play(
      conversation(C(c.query('select 1'), c.query('select 2')), S(...answer, ...answer), C(c.terminate())),
      [0],
    )!;
    const { kernel, statements } = sessionOf(judged(played, tell(played, { pieces: [9] })));
    assert.equal(kernel.verdict, 'ok');
    for (const statement of statements) {
      assert.deepEqual(statement.kernel, {
        verdict: 'explained',
        causes: ['shared_run'],
        proxy: { R: { operations: 0, shared: 1, us: null }, S: { operations: 0, shared: 1, us: null } },
        backend: { R: { operations: 0, shared: 1, us: null }, S: { operations: 0, shared: 1, us: null } },
      });
    }
  });
});

describe('reconciliation with a falsified recording', () => {
  it('notices any record that is dropped', () => {
    fc.assert(
      fc.property(anyExact, anyLines, fc.nat(), (played, telling, choice) => {
        const lines = tell(played, telling);
        const dropped = choice % lines.length;
        const session = sessionOf(judged(played, lines.toSpliced(dropped, 1)));
        assertNoticed(session, JSON.stringify(lines[dropped]));
      }),
      { numRuns: 300 },
    );
  });

  it('names what a dropped record leaves behind', () => {
    const played = play(conversation(C(c.query('select 1')), S(...answer), C(c.terminate())), [0])!;
    const lines = tell(played, { pieces: [1] });
    const without = (type: string, sock?: string): string[] => {
      const at = lines.findIndex(
        (line) => line.type === type && (sock === undefined || line['sock'] === sock),
      );
      return codesOf(sessionOf(judged(played, lines.toSpliced(at, 1))));
    };
    assert.deepEqual(without('attach'), ['no_attach']);
    assert.deepEqual(without('open', 'client'), ['orphan_records', 'socket_not_seen']);
    assert.deepEqual(without('open', 'backend'), ['orphan_records']);
    assert.deepEqual(without('run', 'server'), ['gap']);
    assert.deepEqual(without('close', 'server'), ['no_close']);
    assert.deepEqual(without('detach'), ['no_detach']);
  });

  it('takes no side when a backend has not read all, and no record tells of its end', () => {
    const played = play(conversation(C(c.query('select 1')), S(...answer), C(c.terminate())), [0])!;
    const lines = tell(played, { pieces: [1] });
    const last = lines.findLastIndex(
      ({ type, sock, dir }) => type === 'run' && sock === 'backend' && dir === 'recv',
    );
    const endless = lines
      .toSpliced(last, 1)
      .filter(({ type, sock }) => type !== 'close' || sock !== 'backend');
    assert.deepEqual(codesOf(sessionOf(judged(played, endless))), ['no_close']);
    // Of the proxy's own sockets it is known.
    const own = lines.findLastIndex(
      ({ type, sock, dir }) => type === 'run' && sock === 'server' && dir === 'send',
    );
    const lost = lines.toSpliced(own, 1).filter(({ type, sock }) => type !== 'close' || sock !== 'server');
    assert.ok(codesOf(sessionOf(judged(played, lost))).includes('bytes_differ'));
  });

  it('notices a byte or an operation more in any figure of the recording', () => {
    fc.assert(
      fc.property(anyExact, anyLines, fc.nat(), (played, telling, choice) => {
        const lines = tell(played, telling);
        const figures = [...figuresOf(lines)];
        const [index, name] = figures[choice % figures.length]!;
        const session = sessionOf(judged(played, with1More(lines, index, name)));
        assertNoticed(session, `${name} of ${JSON.stringify(lines[index])}`);
      }),
      { numRuns: 500 },
    );
  });

  it('explains with a loss only what the helper or a damaged line admits', () => {
    fc.assert(
      fc.property(anyExact, anyLines, fc.nat(), fc.boolean(), (played, telling, choice, admits) => {
        const lines = tell(played, telling);
        const runs = lines.flatMap((line, index) => (line.type === 'run' ? [index] : []));
        const at = runs[choice % runs.length]!;
        const instead: (Line | string)[] = admits
          ? [{ type: 'lost', count: 1, clock_us: 2 }]
          : [JSON.stringify(lines[at]).slice(0, -1)];
        const session = sessionOf(
          judged(played, [...lines.slice(0, at), ...instead, ...lines.slice(at + 1)]),
        );
        assert.equal(session.kernel.verdict, 'explained');
        assert.deepEqual(codesOf(session), [admits ? 'lost_records' : 'damaged_lines']);
      }),
    );
  });

  it('explains with missed calls what is not there, though the rest stands closer together', () => {
    fc.assert(
      fc.property(anyExact, anyLines, fc.nat(), fc.boolean(), (played, telling, choice, admits) => {
        const missed = choice % played.operations.length;
        const operations = played.operations.toSpliced(missed, 1);
        const lines = tell({ ...played, operations }, { ...telling, events: 'fentry' });
        if (admits) lines.splice(1, 0, { type: 'lost', count: 1, clock_us: 2 });
        const session = sessionOf(judged(played, lines));
        if (admits) {
          assert.deepEqual(codesOf(session), ['lost_records']);
          assert.equal(session.kernel.verdict, 'explained');
          for (const { kernel } of session.statements) assert.notEqual(kernel?.verdict, 'mismatch');
        } else assertNoticed(session, `without ${JSON.stringify(played.operations[missed])}`);
      }),
      { numRuns: 500 },
    );
  });

  it('takes no statement for another one whose place it has been moved to by a missed call', () => {
    const [begin, end] = [c.query('select 1').subarray(0, 7), c.query('select 1').subarray(7)];
    const whole = [C(c.query('select 1')), S(...answer)];
    const pieces = conversation(...whole, ...whole, C(begin), C(end), S(...answer), C(c.terminate()));
    const played = play(pieces, [0])!;
    const { bytes } = C(c.query('select 1'));
    const missed = played.operations.findIndex(
      (one) => one.socket === 'server' && one.dir === 'send' && one.bytes === bytes.length,
    );
    const operations = played.operations.toSpliced(missed, 1);
    const lines = tell({ ...played, operations }, { pieces: [1], events: 'kprobes' });
    lines.splice(1, 0, { type: 'lost', count: 1, clock_us: 2 });
    const session = sessionOf(judged(played, lines));
    assert.deepEqual(codesOf(session), ['lost_records']);
    const verdicts = session.statements.map(({ kernel }) => kernel?.verdict);
    assert.deepEqual(verdicts, ['explained', 'explained', 'explained']);
  });

  it('explains what had moved before the helper attached, and checks all that came after it', () => {
    fc.assert(
      fc.property(anyExact, anyLines, fc.nat(), fc.nat(), (played, telling, late, choice) => {
        const attachedAt = 1 + (late % played.operations.length);
        const lines = tell(played, { ...telling, attachedAt });
        const record = judged(played, lines);
        const session = sessionOf(record);
        assert.equal(session.kernel.verdict, 'explained');
        assert.deepEqual(codesOf(session), ['attached_late']);
        assert.ok(
          Object.values(record.kernel!.coverage).some((percent) => percent !== null && percent < 100),
        );
        const figures = [...figuresOf(lines)].filter(([, name]) => name !== 'ops');
        const [index, name] = figures[choice % figures.length]!;
        const falsified = sessionOf(judged(played, with1More(lines, index, name)));
        assert.equal(falsified.kernel.verdict, 'mismatch', `${name} of ${JSON.stringify(lines[index])}`);
      }),
    );
  });

  it('finds no check in a recording whose beginning was cut off', () => {
    fc.assert(
      fc.property(anyExact, anyLines, fc.nat(), (played, telling, choice) => {
        const lines = tell(played, telling);
        const session = sessionOf(judged(played, lines.slice(1 + (choice % lines.length))));
        assert.ok(
          ['explained', 'unchecked', 'mismatch'].includes(session.kernel.verdict),
          session.kernel.verdict,
        );
        assert.ok(session.kernel.causes.length > 0);
      }),
    );
  });
});

describe('reconciliation with a falsified report', () => {
  it('notices a byte or an operation more in any figure of the sockets', () => {
    fc.assert(
      fc.property(
        anyExact,
        anyLines,
        fc.constantFrom('client', 'server'),
        fc.constantFrom('bytes_in', 'bytes_out', 'reads', 'writes'),
        fc.constantFrom(1, -1),
        (played, telling, leg, figure, by) => {
          const lines = tell(played, telling);
          const session = structuredClone(played.session);
          session.wire[leg][figure] += by;
          const found = sessionOf(judged({ session }, lines));
          assert.equal(found.kernel.verdict, 'mismatch');
          const expected = figure.startsWith('bytes') ? 'bytes_differ' : 'operations_differ';
          assert.ok(codesOf(found).includes(expected), codesOf(found).join(' '));
        },
      ),
    );
  });

  it('never calls a statement ok whose figures or ranges were changed', () => {
    fc.assert(
      fc.property(
        anyExact,
        anyLines,
        fc.nat(),
        fc.constantFrom('bytes', 'reads', 'from', 'to', 'both'),
        fc.constantFrom<('R' | 'S')[]>('R', 'S'),
        (played, telling, choice, figure, direction) => {
          const session = structuredClone(played.session);
          if (session.statements.length === 0) return;
          const statement = session.statements[choice % session.statements.length]!;
          const range = statement.stream[direction]?.[0];
          if (range === undefined) return;
          if (figure === 'bytes') statement[direction].bytes += 1;
          else if (figure === 'reads') statement[direction][direction === 'R' ? 'writes' : 'reads'] += 1;
          else {
            if (figure !== 'to') range[0] += 1;
            if (figure !== 'from') range[1] += 1;
          }
          const found = sessionOf(judged({ session }, tell(played, telling)));
          const { verdict } = found.statements.find(({ seq }) => seq === statement.seq)!.kernel!;
          assert.notEqual(verdict, 'ok');
        },
      ),
    );
  });

  it('says what, where and by how much', () => {
    const played = play(conversation(C(c.query('select 1')), S(...answer), C(c.terminate())), [0])!;
    const session = structuredClone(played.session);
    session.wire.server.bytes_in += 23;
    session.statements[0]!.S.reads += 2;
    const { kernel, statements } = sessionOf(judged({ session }, tell(played, { pieces: [5] })));
    const all = played.session.wire.server.bytes_in;
    const bytes = `the kernel counts ${all} bytes, the report ${all + 23}: 23 fewer`;
    assert.equal(kernel.verdict, 'mismatch');
    assert.deepEqual(
      kernel.causes.map(({ code, leg, direction, text }) => [code, leg, direction, text]),
      [
        ['bytes_differ', 'server', 'in', bytes],
        ['bytes_differ', 'backend', 'out', bytes],
        [
          'statement_differs',
          'server',
          'in',
          'statement 1: the kernel counts 1 operations, the report 3: 2 fewer',
        ],
      ],
    );
    assert.equal(statements[0]!.kernel!.verdict, 'mismatch');
  });

  it('puts the TLS records of each leg beside the operations, where the report has them', () => {
    const played = play(conversation(C(c.query('select 1')), S(...answer), C(c.terminate())), [0])!;
    const session = structuredClone(played.session);
    const tls = { protocol: 'TLSv1.3', cipher: 'x', overhead_in: 0, overhead_out: 0 };
    session.wire.client.tls = { ...tls, records_in: 3, records_out: 5 };
    session.wire.server.tls = { ...tls, records_in: null, records_out: 7 };
    const { counts, causes } = sessionOf(judged({ session }, tell(played, { pieces: [5] }))).kernel;
    assert.deepEqual(counts?.R.tls_records, { client: 3, server: 7 });
    assert.deepEqual(counts?.S.tls_records, { client: 5, server: null });
    const told = causes.filter(({ code }) => code === 'tls_records');
    assert.deepEqual(
      told.map(({ leg, direction, figures }) => [leg, direction, figures['records'] ?? null]),
      [
        ['client', 'in', 3],
        ['client', 'out', 5],
        ['server', 'in', null],
        ['server', 'out', 7],
      ],
    );
    assert.match(told[0]!.text, /operations on ciphertext, the report \d+ on plaintext, in 3 records$/);
    assert.match(told[2]!.text, /on plaintext$/);
  });

  it('takes a report that was written before records were counted', () => {
    const played = play(conversation(C(c.query('select 1')), S(...answer), C(c.terminate())), [0])!;
    const session = structuredClone(played.session);
    const tls = { protocol: 'TLSv1.3', cipher: 'x', overhead_in: 0, overhead_out: 0 };
    Object.assign(session.wire.server, { tls });
    const { counts } = sessionOf(judged({ session }, tell(played, { pieces: [5] }))).kernel;
    assert.deepEqual(counts?.R.tls_records, { client: null, server: null });
  });
});
