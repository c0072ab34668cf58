import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { Framer, IN_RUNS, type MessageSink, type PrefixTable, prefixTable } from '../../src/wire/framer.ts';
import { bytes, cutAt, message, splits, typed } from '../support/bytes.ts';

/** What a framer told, with calls that say the same in more pieces added up. */
type Told =
  | { kind: 'message'; type: string; bodyLength: number; prefix: string; bytes: number }
  | { kind: 'run'; type: string; messages: number; bytes: number }
  | { kind: 'violation'; type: number; length: number }
  | { kind: 'opaque'; bytes: number };

class Recorder implements MessageSink {
  readonly told: Told[] = [];
  bytes = 0;
  /** Called behind each call. */
  after: () => void = () => {};

  message(type: number, bodyLength: number, buffer: Buffer, from: number, to: number, seen: number): void {
    const prefix = buffer.toString('hex', from, to);
    this.#add(seen, { kind: 'message', type: String.fromCharCode(type), bodyLength, prefix, bytes: seen });
  }

  run(type: number, messages: number, seen: number): void {
    assert.ok(messages > 0);
    const last = this.told.at(-1);
    const name = String.fromCharCode(type);
    if (last?.kind === 'run' && last.type === name) {
      last.messages += messages;
      last.bytes += seen;
      this.#add(seen);
    } else {
      this.#add(seen, { kind: 'run', type: name, messages, bytes: seen });
    }
  }

  more(seen: number): void {
    const last = this.told.at(-1);
    assert.ok(last?.kind === 'message' || last?.kind === 'run', 'more belongs to a message');
    last.bytes += seen;
    this.#add(seen);
  }

  violation(type: number, length: number): void {
    this.told.push({ kind: 'violation', type, length });
    this.after();
  }

  opaque(seen: number): void {
    const last = this.told.at(-1);
    if (last?.kind === 'opaque') {
      last.bytes += seen;
      this.#add(seen);
    } else {
      this.#add(seen, { kind: 'opaque', bytes: seen });
    }
  }

  #add(seen: number, told?: Told): void {
    assert.ok(seen > 0, 'a call tells of at least one byte');
    this.bytes += seen;
    if (told) this.told.push(told);
    this.after();
  }
}

/** Feeds the pieces, each at an odd place of a larger buffer that is overwritten afterwards. */
function feed(pieces: Iterable<Buffer>, prefixes: PrefixTable): { told: Told[]; framer: Framer } {
  const recorder = new Recorder();
  const framer = new Framer(recorder, prefixes);
  let fed = 0;
  for (const piece of pieces) {
    const chunk = Buffer.alloc(piece.length + 8, 'Z');
    piece.copy(chunk, 3);
    framer.scan(chunk, 3, 3 + piece.length);
    chunk.fill(0xee);
    fed += piece.length;
    assert.equal(recorder.bytes + framer.pending, fed, 'bytes told and pending are all bytes fed');
  }
  return { told: recorder.told, framer };
}

/** The same, from the definition: a stream that is there as a whole. */
function expected(stream: Buffer, prefixes: PrefixTable): Told[] {
  const recorder = new Recorder();
  let at = 0;
  while (stream.length - at >= 5) {
    const type = stream[at]!;
    const length = stream.readInt32BE(at + 1);
    if (length < 4) {
      recorder.violation(type, length);
      recorder.opaque(stream.length - at);
      break;
    }
    const prefix = prefixes[type]!;
    const wanted = Math.min(length - 4, Math.max(prefix, 0));
    if (stream.length - at - 5 < wanted) break;
    const seen = Math.min(stream.length - at, length + 1);
    if (prefix === IN_RUNS) recorder.run(type, 1, seen);
    else recorder.message(type, length - 4, stream, at + 5, at + 5 + wanted, seen);
    at += seen;
  }
  return recorder.told;
}

function table(prefixes: Record<string, number>, others = 0): PrefixTable {
  const wanted = Object.entries(prefixes).map(([type, length]) => [type.charCodeAt(0), length] as const);
  return prefixTable(new Map(wanted), others);
}

const PREFIXES = table({ D: IN_RUNS, d: IN_RUNS, Q: 6, C: 64, Z: 1, T: 3 });

const CONVERSATION = Buffer.concat([
  message('Q', '"select 1" 00'),
  message('T', '0001 "a" 00 00000000 0000 00000017 0004 ffffffff 0000'),
  message('D', '0001 00000001 "1"'),
  message('D', '0001 ffffffff'),
  message('d', '"copy"'),
  message('d'),
  message('D', '0001 00000009 5a 00000005 49 "abc" # payload that looks like a ReadyForQuery'),
  message('C', '"SELECT 3" 00'),
  message('c'),
  message('Z', '49'),
]);

const CONVERSATION_TOLD: Told[] = [
  { kind: 'message', type: 'Q', bodyLength: 9, prefix: bytes('"select"').toString('hex'), bytes: 14 },
  { kind: 'message', type: 'T', bodyLength: 22, prefix: '000161', bytes: 27 },
  { kind: 'run', type: 'D', messages: 2, bytes: 23 },
  { kind: 'run', type: 'd', messages: 2, bytes: 14 },
  { kind: 'run', type: 'D', messages: 1, bytes: 20 },
  { kind: 'message', type: 'C', bodyLength: 9, prefix: bytes('"SELECT 3" 00').toString('hex'), bytes: 14 },
  { kind: 'message', type: 'c', bodyLength: 0, prefix: '', bytes: 5 },
  { kind: 'message', type: 'Z', bodyLength: 1, prefix: '49', bytes: 6 },
];

describe('the framer finds the same messages', () => {
  test('in one chunk', () => {
    assert.deepEqual(feed([CONVERSATION], PREFIXES).told, CONVERSATION_TOLD);
  });

  test('cut in two at every position: within a header, a prefix, a body', () => {
    for (const pieces of splits(CONVERSATION)) {
      assert.deepEqual(feed(pieces, PREFIXES).told, CONVERSATION_TOLD, `cut at ${pieces[0]?.length}`);
    }
  });

  test('cut in three at every pair of positions', () => {
    const stream = CONVERSATION.subarray(0, 80);
    const told = feed([stream], PREFIXES).told;
    for (let first = 0; first < stream.length; first += 1) {
      for (let second = first; second < stream.length; second += 1) {
        assert.deepEqual(feed(cutAt(stream, [first, second]), PREFIXES).told, told, `${first}, ${second}`);
      }
    }
  });

  test('when every type comes in runs, and when every body is asked for', () => {
    for (const prefixes of [table({}, IN_RUNS), table({}, 1000)]) {
      const told = expected(CONVERSATION, prefixes);
      for (const pieces of splits(CONVERSATION)) assert.deepEqual(feed(pieces, prefixes).told, told);
    }
  });
});

describe('the framer', () => {
  test('tells that it stands at a boundary, in a body or before an announcement', () => {
    const framer = new Framer(new Recorder(), table({ Q: 2 }));
    const query = message('Q', '"abcd"');
    const states = [...query.keys()].map((at) => {
      framer.scan(query, at, at + 1);
      return `${framer.pending} ${framer.inBody} ${framer.atBoundary}`;
    });
    const pending = [1, 2, 3, 4, 5, 6].map((count) => `${count} false false`);
    assert.deepEqual(states, pending.concat('0 true false', '0 true false', '0 false true'));
  });

  test('takes a prefix that is longer than the body as the body', () => {
    assert.deepEqual(feed([message('Z', '54')], table({ Z: 100 })).told, [
      { kind: 'message', type: 'Z', bodyLength: 1, prefix: '54', bytes: 6 },
    ]);
  });

  test('announces a message of unknown type like any other', () => {
    assert.deepEqual(feed([typed(0xff, Buffer.from('?'))], table({}, 1)).told, [
      { kind: 'message', type: '\u00ff', bodyLength: 1, prefix: '3f', bytes: 6 },
    ]);
  });

  test('scans nothing when nothing came', () => {
    const recorder = new Recorder();
    new Framer(recorder, PREFIXES).scan(CONVERSATION, 7, 7);
    assert.deepEqual(recorder.told, []);
  });

  test('follows a message of 2 GB less a byte, the longest there is', () => {
    const { told, framer } = feed([bytes('44 7fffffff 0001')], table({ D: 2 }));
    assert.deepEqual(told, [
      { kind: 'message', type: 'D', bodyLength: 0x7ffffffb, prefix: '0001', bytes: 7 },
    ]);
    assert.ok(framer.inBody);
  });

  for (const prefix of [IN_RUNS, 0, 7]) {
    test(`passes a DataRow of 1 GB in pieces and holds none of it (prefix ${prefix})`, () => {
      const gigabyte = 2 ** 30;
      const recorder = new Recorder();
      const framer = new Framer(recorder, table({ D: prefix, C: 64 }));
      const piece = Buffer.alloc(64 * 1024, 'D');
      framer.scan(bytes('44 40000004'), 0, 5);
      for (let fed = 0; fed < gigabyte; fed += piece.length) {
        framer.scan(piece, 0, piece.length);
        assert.equal(framer.pending, 0);
      }
      assert.ok(framer.atBoundary);
      const end = message('C', '"SELECT 1" 00');
      framer.scan(end, 0, end.length);
      assert.deepEqual(
        recorder.told.map((told) => (told.kind === 'violation' ? 0 : told.bytes)),
        [gigabyte + 5, end.length],
      );
      assert.equal(recorder.bytes, gigabyte + 5 + end.length);
    });
  }
});

describe('an impossible length', () => {
  for (const [name, header, length] of [
    ['0', '51 00000000', 0],
    ['3, less than the field itself', '51 00000003', 3],
    ['-1', '51 ffffffff', -1],
    ['0x80000000, the smallest negative', '51 80000000', -0x80000000],
  ] as const) {
    test(`of ${name} ends parsing at the header, whatever the type and the split`, () => {
      for (const prefix of [IN_RUNS, 0, 100]) {
        const before = message('Q', '"x" 00');
        const stream = Buffer.concat([before, bytes(header), message('Z', '49')]);
        for (const pieces of splits(stream)) {
          const { told } = feed(pieces, table({ Q: prefix }));
          assert.deepEqual(told.slice(1), [
            { kind: 'violation', type: 0x51, length },
            { kind: 'opaque', bytes: 11 },
          ]);
        }
      }
    });
  }

  test('is told when the header is complete, not when more follows', () => {
    const { told, framer } = feed([bytes('51 00000003')], PREFIXES);
    assert.deepEqual(told, [
      { kind: 'violation', type: 0x51, length: 3 },
      { kind: 'opaque', bytes: 5 },
    ]);
    assert.equal(framer.pending, 0);
  });
});

describe('turning opaque', () => {
  test('gives up what was pending, and the rest of a body', () => {
    for (let cut = 0; cut <= CONVERSATION.length; cut += 1) {
      const recorder = new Recorder();
      const framer = new Framer(recorder, PREFIXES);
      framer.scan(CONVERSATION, 0, cut);
      framer.turnOpaque();
      framer.turnOpaque();
      assert.equal(framer.pending, 0);
      assert.equal(recorder.bytes, cut);
      const calls = recorder.told.length;
      framer.scan(CONVERSATION, cut, CONVERSATION.length);
      assert.equal(recorder.bytes, CONVERSATION.length);
      assert.ok(recorder.told.slice(calls).every((told) => told.kind === 'opaque'));
    }
  });

  test('from within any call, of any kind, ends parsing there', () => {
    const broken = Buffer.concat([CONVERSATION, bytes('51 00000000 0102')]);
    for (const prefixes of [PREFIXES, table({}, IN_RUNS), table({}, 1000)]) {
      for (const pieces of splits(broken)) {
        for (let calls = 1; ; calls += 1) {
          const recorder = new Recorder();
          const framer = new Framer(recorder, prefixes);
          let left = calls;
          let parsed = 0;
          recorder.after = () => {
            left -= 1;
            if (left !== 0) return;
            parsed = recorder.told.length;
            framer.turnOpaque();
          };
          for (const piece of pieces) framer.scan(piece, 0, piece.length);
          assert.equal(recorder.bytes, broken.length);
          if (left > 0) break;
          const behind = recorder.told.slice(parsed);
          assert.ok(
            behind.every((told) => told.kind === 'opaque'),
            `opaque at call ${calls}, yet then: ${JSON.stringify(behind)}`,
          );
        }
      }
    }
  });
});

const anyType = fc.constantFrom(...Buffer.from('DdQCZTE1'));
const anyMessage = fc.tuple(anyType, fc.uint8Array({ maxLength: 40 })).map(([type, body]) => {
  return typed(type, Buffer.from(body));
});
/** Messages, then possibly garbage, with a few bytes changed. */
const anyStream = fc
  .tuple(
    fc.array(anyMessage, { maxLength: 30 }),
    fc.uint8Array({ maxLength: 20 }),
    fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 2 }),
  )
  .map(([messages, garbage, changes]) => {
    const stream = Buffer.concat([...messages, garbage]);
    for (const [at, value] of changes) if (stream.length > 0) stream[at % stream.length] = value;
    return stream;
  });
const anyPrefixes = fc
  .array(fc.tuple(anyType, fc.integer({ min: -1, max: 50 })), { maxLength: 8 })
  .map((wanted) => prefixTable(new Map(wanted), 2));

describe('for any bytes in any pieces', () => {
  test('the framer tells what the definition says, and each byte once', () => {
    fc.assert(
      fc.property(anyStream, anyPrefixes, fc.array(fc.nat(1000)), (stream, prefixes, cuts) => {
        const inside = cuts.map((cut) => cut % (stream.length + 1));
        assert.deepEqual(feed(cutAt(stream, inside), prefixes).told, expected(stream, prefixes));
      }),
      { numRuns: 1000 },
    );
  });

  test('garbage is told once, too', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 })), anyPrefixes, (pieces, prefixes) => {
        const chunks = pieces.map((piece) => Buffer.from(piece));
        assert.deepEqual(feed(chunks, prefixes).told, expected(Buffer.concat(chunks), prefixes));
      }),
      { numRuns: 1000 },
    );
  });
});
