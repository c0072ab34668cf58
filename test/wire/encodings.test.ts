import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TextDecoder } from 'node:util';
import fc from 'fast-check';
import { fingerprint } from '../../src/account/fingerprint.ts';
import { normalize } from '../../src/account/normalize.ts';
import { encodingOf, UTF8, visibleBytes } from '../../src/wire/encodings.ts';
import { decodeQuery } from '../../src/wire/frontend_bodies.ts';

/** Node's name of an encoding, and its characters beside ASCII, each with its bytes: what the decoder says of all pairs of bytes. */
function charactersOf(
  label: string,
  leads: readonly [from: number, to: number] = [0x80, 0xff],
): Map<string, Buffer> {
  const decoder = new TextDecoder(label);
  const found = new Map<string, Buffer>();
  const enter = (bytes: Buffer): void => {
    const text = decoder.decode(bytes);
    if (Array.from(text).length === 1 && !text.includes('\ufffd') && text > '\u009f' && !found.has(text))
      found.set(text, bytes);
  };
  for (let lead = leads[0]; lead <= leads[1]; lead += 1) {
    enter(Buffer.from([lead]));
    for (let trail = 0x30; trail <= 0xfe; trail += 1) enter(Buffer.from([lead, trail]));
  }
  return found;
}

/** PostgreSQL's names, and Node's. */
const DECODED: readonly (readonly [name: string, label: string])[] = [
  ['LATIN1', 'iso-8859-1'],
  ['LATIN2', 'iso-8859-2'],
  ['LATIN9', 'iso-8859-15'],
  ['WIN1251', 'windows-1251'],
  ['WIN1252', 'windows-1252'],
  ['KOI8R', 'koi8-r'],
  ['SJIS', 'shift_jis'],
  ['EUC_JP', 'euc-jp'],
  ['EUC_KR', 'euc-kr'],
  ['UHC', 'euc-kr'],
  ['BIG5', 'big5'],
  ['GBK', 'gbk'],
  ['GB18030', 'gb18030'],
];

const LITERALS: readonly ((text: string) => string)[] = [
  (text) => `'${text}'`,
  (text) => `E'${text}'`,
  (text) => `$$${text}$$`,
  (text) => `$t$${text}$t$`,
];

for (const [name, label] of DECODED) {
  // The decoder of Node takes windows-1252 for iso-8859-1, whose bytes from 0x80 to 0x9f are no characters.
  const characters = charactersOf(label, name === 'LATIN1' ? [0xa0, 0xff] : [0x80, 0xff]);
  const encoding = encodingOf(name);
  const encode = (text: string): Buffer =>
    Buffer.concat(Array.from(text, (character) => characters.get(character) ?? Buffer.from(character)));
  const anyCharacter = fc.constantFrom(...characters.keys());
  /** Among them those whose second byte is a backslash, where there are some. */
  const trap = [...characters].filter(([, bytes]) => bytes.at(-1) === 0x5c).map(([character]) => character);
  const word = fc
    .array(trap.length === 0 ? anyCharacter : fc.oneof(anyCharacter, fc.constantFrom(...trap)), {
      minLength: 1,
      maxLength: 7,
    })
    .map((some) => some.join(''));

  describe(`a text in ${name}`, () => {
    it('is decoded, whatever is in it', () => {
      assert.ok(characters.size > 60, `${characters.size} characters`);
      fc.assert(
        fc.property(word, (text) => {
          const bytes = encode(`a ${text} z`);
          assert.equal(encoding.decode(bytes, 0, bytes.length), `a ${text} z`);
        }),
      );
    });

    it('has no literal in its normal form, wherever it is cut off', () => {
      fc.assert(
        fc.property(word, fc.constantFrom(...LITERALS), fc.nat(), (text, literal, cut) => {
          const bytes = encode(`select 1 where a = ${literal(text)} and b = ${literal(`${text}secret`)}`);
          const kept = cut % (bytes.length + 1);
          const query = decodeQuery(
            Buffer.concat([bytes, Buffer.alloc(1)]),
            0,
            bytes.length + 1,
            bytes.length + 1,
            kept,
            encoding,
          );
          const normal = normalize(query.text, query.truncated);
          assert.ok(!query.text.includes('\ufffd'), query.text);
          for (const character of `${text}secret`)
            if (!'select 1 where a = and b …?'.includes(character))
              assert.ok(!normal.includes(character), normal);
        }),
      );
    });

    it('has the fingerprint that it has in UTF-8', () => {
      fc.assert(
        fc.property(word, (text) => {
          const sql = `select "${text}", '${text}' from t`;
          const bytes = encode(sql);
          const decoded = encoding.decode(bytes, 0, bytes.length);
          assert.equal(fingerprint(normalize(decoded)), fingerprint(normalize(sql)));
        }),
      );
    });
  });
}

const NOT_DECODED = ['SQL_ASCII', 'EUC_TW', 'JOHAB', 'MULE_INTERNAL', 'LATIN10', 'NO_SUCH_ENCODING'];

describe('bytes that cannot be decoded', () => {
  for (const name of NOT_DECODED) {
    it(`(${name}) stay visible, and are told apart`, () => {
      const { decode } = encodingOf(name);
      const shown = (bytes: number[]): string => visibleBytes(decode(Buffer.from(bytes), 0, bytes.length));
      assert.equal(shown([0x61, 0xe9, 0xe8, 0x62]), String.raw`a\xe9\xe8b`);
      assert.notEqual(decode(Buffer.from([0xe9]), 0, 1), decode(Buffer.from([0xe8]), 0, 1));
    });

    it(`(${name}) are letters: a literal between them ends where the server ends it`, () => {
      const { decode } = encodingOf(name);
      const bytes = Buffer.from(
        `select $\xe9\xe9$secret ' $\xe9\xe9$, E'\xe9\xe9\\'secret', 'secret'`,
        'latin1',
      );
      assert.ok(!normalize(decode(bytes, 0, bytes.length)).includes('secret'));
    });
  }

  it('do not hide a quote behind them, when a text is not in the encoding that it is said to be in', () => {
    for (const name of [...DECODED.map(([one]) => one), 'UTF8', 'SHIFT_JIS_2004', 'EUC_CN', ...NOT_DECODED]) {
      const { decode } = encodingOf(name);
      for (let stray = 0x80; stray <= 0xff; stray += 1) {
        const quoted = Buffer.from(
          `select 'caf${String.fromCharCode(stray)}', 'secret', $$${String.fromCharCode(stray)}$$, 'secret'`,
          'latin1',
        );
        const text = decode(quoted, 0, quoted.length);
        assert.ok(!normalize(text).includes('secret'), `${name}, ${stray.toString(16)}: ${text}`);
      }
    }
  });

  it('do not hide a backslash behind them, where no character ends with one', () => {
    for (const name of [
      'EUC_JP',
      'EUC_CN',
      'EUC_KR',
      'EUC_TW',
      'JOHAB',
      'MULE_INTERNAL',
      'SQL_ASCII',
      'LATIN1',
    ]) {
      const { decode } = encodingOf(name);
      for (let stray = 0x80; stray <= 0xff; stray += 1) {
        const escaped = Buffer.from(`select E'${String.fromCharCode(stray)}\\'secret', 1`, 'latin1');
        const text = decode(escaped, 0, escaped.length);
        assert.ok(!normalize(text).includes('secret'), `${name}, ${stray.toString(16)}: ${text}`);
      }
    }
  });

  it('amid those that can be are shown by both of their bytes, the second of which looks like a backslash', () => {
    const { decode } = encodingOf('SHIFT_JIS_2004');
    const bytes = Buffer.from([0x45, 0x27, 0x85, 0x5c, 0x27, 0x20, 0x93, 0xfa]);
    const text = decode(bytes, 0, bytes.length);
    assert.equal(visibleBytes(text), String.raw`E'\x85\x5c' 日`);
  });
});

describe('the name of an encoding', () => {
  it('is the server’s, or one that a client may use in its stead', () => {
    for (const [given, meant] of [
      ['UTF8', 'UTF8'],
      ['utf-8', 'UTF8'],
      ['unicode', 'UTF8'],
      ['Latin1', 'LATIN1'],
      ['euc_jp', 'EUC_JP'],
      ['EUC-JP', 'EUC_JP'],
      ['win1252', 'WIN1252'],
      ['nonsense', 'SQL_ASCII'],
    ] as const)
      assert.equal(encodingOf(given).name, meant);
    assert.equal(encodingOf('UTF8'), UTF8);
  });
});
