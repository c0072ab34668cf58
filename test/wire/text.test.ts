import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { characterBoundary, decodeCommonText, decodeText, endOfString } from '../../src/wire/text.ts';
import { bytes } from '../support/bytes.ts';

describe('endOfString', () => {
  for (const length of [0, 1, 31, 32, 33, 500]) {
    test(`finds the NUL behind ${length} bytes, and none before the end`, () => {
      const buffer = Buffer.concat([bytes('00'), Buffer.alloc(length, 'a'), bytes('00 "b" 00')]);
      assert.equal(endOfString(buffer, 1, buffer.length), length + 1);
      assert.equal(endOfString(buffer, 1, length + 2), length + 1);
      assert.equal(endOfString(buffer, 1, length + 1), -1);
      assert.equal(endOfString(buffer, 1, 1), -1);
      assert.equal(endOfString(buffer, 2, 1), -1, 'nothing lies between an end and a later beginning');
    });
  }
});

describe('characterBoundary', () => {
  for (const [name, listing, kept] of [
    ['ASCII', '"abc"', 3],
    ['a whole character of 2 bytes', '"a" c3a9', 3],
    ['a whole character of 4 bytes', '"a" f09f9880', 5],
    ['1 byte of 2', '"a" c3', 1],
    ['1 byte of 3', '"a" e2', 1],
    ['2 bytes of 3', '"a" e282', 1],
    ['3 bytes of 4', '"a" f09f98', 1],
    ['a cut character and nothing else', 'f09f', 0],
    ['continuation bytes without a lead: no UTF-8, all is kept', '"a" 80808080 80', 6],
    ['one continuation byte alone', '80', 1],
    ['nothing', '', 0],
  ] as const) {
    test(name, () => {
      const text = bytes(listing);
      const buffer = Buffer.concat([bytes('c3'), text, bytes('a9a9a9')]);
      assert.equal(characterBoundary(buffer, 1, 1 + text.length), 1 + kept);
    });
  }

  test('cuts any text, anywhere, into a prefix of its characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat(), (text, cut) => {
        const buffer = Buffer.from(text);
        const to = cut % (buffer.length + 1);
        const end = characterBoundary(buffer, 0, to);
        assert.ok(end <= to && to - end < 4);
        assert.ok(text.startsWith(decodeText(buffer, 0, end)));
      }),
    );
  });
});

test('bytes that are no UTF-8 are decoded all the same', () => {
  assert.equal(decodeText(bytes('"caf" e9'), 0, 4), 'caf\ufffd');
});

describe('decodeCommonText', () => {
  test('decodes any bytes as decodeText does, whatever came before', () => {
    // Few letters, so that texts come again, and share their slot with others.
    const text = fc.array(fc.constantFrom(0x61, 0x62, 0xc3, 0xa9, 0xe9, 0xfd), { maxLength: 4 });
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 50 }), (texts) => {
        for (const one of texts) {
          const buffer = Buffer.from([0x21, ...one, 0x21]);
          const to = buffer.length - 1;
          assert.equal(decodeCommonText(buffer, 1, to), decodeText(buffer, 1, to));
        }
      }),
    );
  });
});
