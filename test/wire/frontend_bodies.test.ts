import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { serialize } from 'pg-protocol';
import {
  decodeBind,
  decodeExecute,
  decodeParse,
  decodeQuery,
  decodeTarget,
} from '../../src/wire/frontend_bodies.ts';
import { bytes } from '../support/bytes.ts';

/** Decodes the first `gathered` bytes of a body that lies among other bytes, as in a chunk. */
function decode<Result>(
  decoder: (buffer: Buffer, from: number, to: number, bodyLength: number) => Result,
  body: Buffer,
  gathered = body.length,
): Result {
  const buffer = Buffer.concat([Buffer.from('??'), body.subarray(0, gathered), bytes('00 "??" 00')]);
  return decoder(buffer, 2, 2 + Math.min(gathered, body.length), body.length);
}

function bodyOf(message: Buffer): Buffer {
  return message.subarray(5);
}

/** A decoder that needs no length of the body. */
const inUtf8 =
  <Decoded>(decoder: (buffer: Buffer, from: number, to: number) => Decoded) =>
  (buffer: Buffer, from: number, to: number): Decoded =>
    decoder(buffer, from, to);

describe('a Query', () => {
  for (const [name, body, gathered, expected] of [
    ['whole', bytes('"select 1" 00'), 9, { text: 'select 1', bytes: 8, truncated: false }],
    ['whole but for its NUL', bytes('"select 1" 00'), 8, { text: 'select 1', bytes: 8, truncated: false }],
    ['cut', bytes('"select 1" 00'), 6, { text: 'select', bytes: 8, truncated: true }],
    ['of which nothing was gathered', bytes('"select 1" 00'), 0, { text: '', bytes: 8, truncated: true }],
    ['empty', bytes('00'), 1, { text: '', bytes: 0, truncated: false }],
    ['without even a NUL', bytes(''), 0, { text: '', bytes: 0, truncated: false }],
    ['cut within é', bytes('"é" 00'), 1, { text: '', bytes: 2, truncated: true }],
    ['cut within 😀', bytes('"a😀b" 00'), 4, { text: 'a', bytes: 6, truncated: true }],
    ['cut behind 😀', bytes('"a😀b" 00'), 5, { text: 'a😀', bytes: 6, truncated: true }],
  ] as const) {
    test(name, () => {
      assert.deepEqual(decode(decodeQuery, body, gathered), expected);
    });
  }

  test('of any text, cut anywhere, is a prefix of the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat(), (text, cut) => {
        const sql = text.replaceAll('\0', '');
        const body = bodyOf(serialize.query(sql));
        const query = decode(decodeQuery, body, cut % (body.length + 1));
        assert.equal(query.bytes, Buffer.byteLength(sql));
        assert.equal(query.truncated, cut % (body.length + 1) < query.bytes);
        if (query.truncated) assert.ok(sql.startsWith(query.text));
        else assert.equal(query.text, sql);
      }),
    );
  });
});

describe('a Parse', () => {
  const body = bodyOf(serialize.parse({ name: 's1', text: 'select $1', types: [23] }));

  test('whole: name and text, without the parameter types', () => {
    assert.deepEqual(decode(decodeParse, body), {
      name: 's1',
      query: { text: 'select $1', bytes: 9, truncated: false },
    });
  });

  test('cut within the text', () => {
    assert.deepEqual(decode(decodeParse, body, 6)?.query.text, 'sel');
    assert.equal(decode(decodeParse, body, 6)?.query.truncated, true);
  });

  test('cut within the text of a statement without parameters: the length of the text is exact', () => {
    const plain = bodyOf(serialize.parse({ name: '', text: 'select 12345' }));
    assert.deepEqual(decode(decodeParse, plain, 7)?.query, { text: 'select', bytes: 12, truncated: true });
    assert.deepEqual(decode(decodeParse, plain, 13)?.query, {
      text: 'select 12345',
      bytes: 12,
      truncated: false,
    });
  });

  test('cut within the name, or empty, is not decoded', () => {
    assert.equal(decode(decodeParse, body, 2), null);
    assert.equal(decode(decodeParse, bytes('')), null);
  });

  test('with a name and nothing else', () => {
    assert.deepEqual(decode(decodeParse, bytes('"s" 00')), {
      name: 's',
      query: { text: '', bytes: 0, truncated: false },
    });
  });
});

describe('a Bind', () => {
  const body = bodyOf(serialize.bind({ portal: 'p', statement: 'stmt', values: ['x', null] }));

  test('names its portal and statement, however much of its parameters is here', () => {
    for (let gathered = 7; gathered <= body.length; gathered += 1) {
      assert.deepEqual(decode(inUtf8(decodeBind), body, gathered), { portal: 'p', statement: 'stmt' });
    }
  });

  test('cut before the names end, or empty, is not decoded', () => {
    for (let gathered = 0; gathered < 7; gathered += 1)
      assert.equal(decode(inUtf8(decodeBind), body, gathered), null);
  });
});

describe('a Describe or Close', () => {
  for (const [name, body, expected] of [
    ['of a statement', bodyOf(serialize.describe({ type: 'S', name: 'a' })), { of: 'statement', name: 'a' }],
    ['of the unnamed portal', bodyOf(serialize.close({ type: 'P' })), { of: 'portal', name: '' }],
    ['with a name that does not end', bytes('"Sab"'), null],
    ['without a name', bytes('"S"'), null],
    ['that is empty', bytes(''), null],
  ] as const) {
    test(name, () => {
      assert.deepEqual(decode(inUtf8(decodeTarget), body), expected);
    });
  }
});

describe('an Execute', () => {
  for (const [name, body, expected] of [
    ['of a portal', bodyOf(serialize.execute({ portal: 'cursor', rows: 7 })), 'cursor'],
    ['of the unnamed portal', bodyOf(serialize.execute({})), ''],
    ['with a name that does not end', bytes('"cur"'), null],
    ['that is empty', bytes(''), null],
  ] as const) {
    test(name, () => {
      assert.equal(decode(inUtf8(decodeExecute), body), expected);
    });
  }
});
