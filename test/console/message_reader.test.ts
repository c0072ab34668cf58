import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { MessageReader } from '../../src/console/message_reader.ts';
import { message } from '../support/messages.ts';

const MB = 1024 * 1024;

interface Read {
  readonly told: string[];
  readonly bytes: Buffer;
}

/** Reads pieces; what is told, and all bytes that were handed out, in order. */
function read(pieces: readonly Buffer[]): Read {
  const told: string[] = [];
  const out: Buffer[] = [];
  const reader = new MessageReader({
    message: (type, bytes) => {
      told.push(String.fromCharCode(type));
      out.push(Buffer.from(bytes));
    },
    large: (type, piece) => {
      told.push(`large ${String.fromCharCode(type)}`);
      out.push(Buffer.from(piece));
    },
    piece: (piece, last) => {
      if (last) told.push('end');
      out.push(Buffer.from(piece));
    },
    violated: () => told.push('violated'),
  });
  for (const piece of pieces) {
    const chunk = Buffer.from(piece);
    reader.read(chunk);
    chunk.fill(0xee);
  }
  return { told, bytes: Buffer.concat(out) };
}

describe('the messages of a stream', () => {
  const types = fc.constantFrom('Q', 'P', 'B', 'S', 'd');
  const messages = fc.array(fc.tuple(types, fc.uint8Array({ maxLength: 300 })), { maxLength: 17 });

  it('are the same however it is cut', () => {
    fc.assert(
      fc.property(messages, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), (some, cuts) => {
        const bytes = Buffer.concat(some.map(([type, body]) => message(type, Buffer.from(body))));
        const pieces: Buffer[] = [];
        for (let at = 0, n = 0; at < bytes.length; n += 1) {
          const length = cuts[n % cuts.length]!;
          pieces.push(bytes.subarray(at, at + length));
          at += length;
        }
        const found = read(pieces);
        assert.deepEqual(
          found.told,
          some.map(([type]) => type),
        );
        assert.deepEqual(found.bytes, bytes);
      }),
    );
  });

  it('that are long are handed out in pieces, and those behind them whole', () => {
    const bytes = Buffer.concat([message('d', Buffer.alloc(3 * MB, 7)), message('Q', 'select 1\0')]);
    const pieces = Array.from({ length: 50 }, (_, at) => bytes.subarray(at * 65_536, (at + 1) * 65_536));
    const found = read(pieces);
    assert.deepEqual(found.told, ['large d', 'end', 'Q']);
    assert.deepEqual(found.bytes, bytes);
  });

  it('cost no more when they come byte by byte: 300 KB took seconds', () => {
    const bytes = message('Q', Buffer.alloc(300_000, 7));
    const pieces = Array.from({ length: bytes.length }, (_, at) => bytes.subarray(at, at + 1));
    const before = performance.now();
    const found = read(pieces);
    assert.ok(performance.now() - before < 1000);
    assert.deepEqual(found.told, ['Q']);
    assert.deepEqual(found.bytes, bytes);
  });

  it('end at a length that none has', () => {
    assert.deepEqual(read([Buffer.from([0x51, 0, 0, 0, 3, 0])]).told, ['violated']);
    assert.deepEqual(read([Buffer.from([0x51, 0xff, 0xff, 0xff, 0xff, 0])]).told, ['violated']);
  });
});
