import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { serialize } from 'pg-protocol';
import type { Tap } from '../../../src/proxy/options.ts';
import { Tracer } from '../../../src/wire/trace/tracer.ts';
import { bytes, cutAt, message, splits, typed, untyped } from '../../support/bytes.ts';
import { keptTrace, traceOf } from '../../support/tracing.ts';

test('a line has the time, the session, and the message as PQtrace prints it', () => {
  const lines: string[] = [];
  let second = 0;
  const tracer: Tap = new Tracer({
    sessionId: 17,
    timestamp: () => `00:00:0${(second += 1)}`,
    write: (line) => lines.push(line),
  });
  tracer.startup(untyped('00030000 "user" 00 "alice" 00 00'));
  const replies = Buffer.concat([message('R', '00000000'), message('Z', '49')]);
  tracer.fromServer(replies, 0, replies.length);
  const query = message('Q', '"select 1" 00');
  tracer.fromClient(query, 0, query.length);
  assert.deepEqual(lines, [
    '00:00:01\t17\tF\t20\tStartupMessage\t 3 0 "user" "alice"',
    '00:00:02\t17\tB\t8\tAuthenticationOk',
    '00:00:03\t17\tB\t5\tReadyForQuery\t I',
    '00:00:04\t17\tF\t13\tQuery\t "select 1"',
  ]);
});

test('a body of 4096 bytes is printed whole unless told otherwise, one of 4097 is not', () => {
  const [whole, cut] = traceOf('F', [message('d', '78'.repeat(4096)), message('d', '78'.repeat(4097))]);
  assert.ok(whole?.endsWith(`x'`));
  assert.ok(cut?.endsWith(`x' ...(1 bytes more)`));
});

test('a message of 1 GB is one line, and is not gathered', () => {
  const { tracer, lines } = keptTrace(8);
  const piece = Buffer.alloc(64 * 1024, 'x');
  tracer.fromServer(bytes('64 40000004 # CopyData'), 0, 5);
  for (let fed = 0; fed < 2 ** 30; fed += piece.length) tracer.fromServer(piece, 0, piece.length);
  const end = message('c');
  tracer.fromServer(end, 0, end.length);
  assert.deepEqual(lines, [
    `B\t${2 ** 30 + 4}\tCopyData\t 'xxxxxxxx' ...(${2 ** 30 - 8} bytes more)`,
    'B\t4\tCopyDone',
  ]);
});

describe('however a conversation is cut,', () => {
  const requests = Buffer.concat([
    serialize.sendSASLInitialResponseMessage('SCRAM-SHA-256', 'secret'),
    serialize.sendSCRAMClientFinalMessage('secret'),
    serialize.query('select 1'),
    serialize.bind({ values: ['a value', null] }),
  ]);

  test('its lines are the same, and show no secret', () => {
    const whole = traceOf('F', [requests]);
    assert.equal(whole.length, 4);
    for (const pieces of splits(requests)) assert.deepEqual(traceOf('F', pieces), whole);
    assert.doesNotMatch(whole.join(''), /secret/);
  });

  test('a secret is not shown when the cap cuts it, either', () => {
    for (let looked = 0; looked < 40; looked += 1) {
      const { tracer, lines } = keptTrace(looked);
      for (const [request, response] of [
        ['00000003', serialize.password('QQQQQQ')],
        ['0000000a "X" 00 00', serialize.sendSASLInitialResponseMessage('X', 'QQQQQQ')],
        ['0000000b "QQQQQQ"', serialize.sendSCRAMClientFinalMessage('QQQQQQ')],
        ['0000000c "QQQQQQ"', serialize.password('QQQQQQ')],
      ] as const) {
        const asked = message('R', request);
        tracer.fromServer(asked, 0, asked.length);
        tracer.fromClient(response, 0, response.length);
      }
      tracer.startup(untyped('04d2162e 00001267 "QQQQQQ"'));
      assert.equal(lines.length, 9);
      assert.doesNotMatch(lines.join(''), /QQ/);
    }
  });
});

describe('for any bytes', () => {
  const types = fc.constantFrom(...Buffer.from('123ABCDEFGHIKNPQRSTVWXZcdfnpstv?'));
  const smallNumbers = fc.uint8Array({ maxLength: 60 }).map((body) => body.map((byte) => byte % 5));
  const anyMessage = fc
    .tuple(types, fc.oneof(smallNumbers, fc.uint8Array({ maxLength: 60 })))
    .map(([type, body]) => typed(type, Buffer.from(body)));
  const anyStream = fc
    .tuple(fc.array(anyMessage, { maxLength: 10 }), fc.uint8Array({ maxLength: 10 }))
    .map(([messages, garbage]) => Buffer.concat([...messages, garbage]));

  test('from either side the trace is one printable line a message, the same however they are cut', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('F' as const, 'B' as const),
        anyStream,
        fc.array(fc.nat(500)),
        fc.integer({ min: 0, max: 70 }),
        (sender, stream, cuts, looked) => {
          const lines = traceOf(sender, [stream], looked);
          const inside = cuts.filter((cut) => cut <= stream.length);
          assert.deepEqual(traceOf(sender, cutAt(stream, inside), looked), lines);
          for (const line of lines) {
            assert.match(line, /^[FB]\t-?\d+\t[A-Z][^\t]*(\t [^\p{Cc}]*)?$/u);
            assert.ok(line.length < 100 + 8 * looked, line);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('that stand for a start-up packet the trace is one printable line', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(60), (random, looked) => {
        const packet = Buffer.from(random);
        if (packet.length > 8 && packet[8]! % 2 === 0) packet.set([0, 3, 0, 0], 4);
        const { tracer, lines } = keptTrace(looked);
        tracer.startup(packet);
        assert.equal(lines.length, 1);
        assert.match(lines[0]!, /^F\t\d+\t[A-Z][^\t]*(\t [^\p{Cc}]*)?$/u);
      }),
      { numRuns: 1000 },
    );
  });
});
