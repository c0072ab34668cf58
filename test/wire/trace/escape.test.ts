import assert from 'node:assert/strict';
import { test } from 'node:test';
import { escapeBytes, escapeText } from '../../../src/wire/trace/escape.ts';
import { bytes } from '../../support/bytes.ts';

for (const [name, listing, asText, asBytes] of [
  [
    'ASCII stands for itself, the backslash too',
    String.raw`"a\b'~ "`,
    String.raw`a\b'~ `,
    String.raw`a\b'~ `,
  ],
  ['a line end cannot begin another line', '"a" 0a "b" 0d', String.raw`a\x0ab\x0d`, String.raw`a\x0ab\x0d`],
  ['an escape sequence reaches no terminal', '1b "[2J"', String.raw`\x1b[2J`, String.raw`\x1b[2J`],
  ['nor does its form of one character', 'c29b "2J"', String.raw`\xc2\x9b2J`, String.raw`\xc2\x9b2J`],
  ['nor the separators of Unicode', 'e280a8', String.raw`\xe2\x80\xa8`, String.raw`\xe2\x80\xa8`],
  ['UTF-8 is text', '"é😀"', 'é😀', String.raw`\xc3\xa9\xf0\x9f\x98\x80`],
  ['what is no UTF-8 is bytes', '"caf" e9 " é"', String.raw`caf\xe9 \xc3\xa9`, String.raw`caf\xe9 \xc3\xa9`],
  ['a NUL and a DEL', '00 7f', String.raw`\x00\x7f`, String.raw`\x00\x7f`],
  ['nothing', '', '', ''],
] as const) {
  test(name, () => {
    const buffer = Buffer.concat([Buffer.from('\n'), bytes(listing), Buffer.from('\n')]);
    assert.equal(escapeText(buffer, 1, buffer.length - 1), asText);
    assert.equal(escapeBytes(buffer, 1, buffer.length - 1), asBytes);
  });
}
