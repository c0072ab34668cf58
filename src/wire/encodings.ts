import { TextDecoder } from 'node:util';
import { characterBoundary, decodeText } from './text.ts';

/**
 * A client's encoding of texts (`client_encoding`). Texts are decoded, so that a statement has the same normal form and fingerprint in
 * every encoding, and so that a second byte which looks like a backslash or a quote is none.
 */
export interface Encoding {
  /** As PostgreSQL names it. */
  readonly name: string;
  readonly decode: (buffer: Buffer, from: number, to: number) => string;
  /** The largest end `<= to` that does not lie within a character of `buffer[from, …)`. */
  readonly boundary: (buffer: Buffer, from: number, to: number) => number;
}

/**
 * Bytes that cannot be decoded are characters of private use: the byte 0xe9 is U+10FFE9. They are told apart from each other, and a lexer
 * takes them for letters, as PostgreSQL's does; {@link visibleBytes} shows them.
 */
const UNDECODED = 0x10_ff00;

/** Shows bytes that could not be decoded, `\xe9`. */
export function visibleBytes(text: string): string {
  // Most texts have none, and no surrogate of that kind.
  return text.includes('\udbff')
    ? text.replaceAll(/[\u{10ff00}-\u{10ffff}]/gu, (character) => {
        return `\\x${(character.codePointAt(0)! & 0xff).toString(16)}`;
      })
    : text;
}

/** How the bytes of an encoding form characters (src/common/wchar.c of PostgreSQL). */
interface Shape {
  /** Length of the character at `at`, in bytes, as its first ones tell; it may reach beyond what there is. */
  readonly lengthOf: (buffer: Buffer, at: number) => number;
  /**
   * The least byte that may follow a character's first one. A lesser one stands for itself: in a text that is not what client_encoding
   * says, a quote behind a stray byte is still a quote.
   */
  readonly leastTrail: number;
}

const isAscii = (byte: number): boolean => byte < 0x80;

const single: Shape = { lengthOf: () => 1, leastTrail: 0 };
/** SS2 and SS3 introduce longer characters (pg_euc_mblen and its like). */
const euc = (behindSs2: number): Shape => ({
  lengthOf: (buffer, at) => {
    const lead = buffer[at]!;
    if (lead === 0x8e) return behindSs2;
    if (lead === 0x8f) return 3;
    return isAscii(lead) ? 1 : 2;
  },
  leastTrail: 0x80,
});
const double: Shape = { lengthOf: (buffer, at) => (isAscii(buffer[at]!) ? 1 : 2), leastTrail: 0x40 };
const shiftJis: Shape = {
  lengthOf: (buffer, at) => {
    const lead = buffer[at]!;
    return isAscii(lead) || (lead >= 0xa1 && lead <= 0xdf) ? 1 : 2;
  },
  leastTrail: 0x40,
};
const gb18030: Shape = {
  lengthOf: (buffer, at) => {
    if (isAscii(buffer[at]!)) return 1;
    const second = buffer[at + 1] ?? 0;
    return second >= 0x30 && second <= 0x39 ? 4 : 2;
  },
  leastTrail: 0x30,
};
const mule: Shape = {
  lengthOf: (buffer, at) => {
    const lead = buffer[at]!;
    if (lead >= 0x81 && lead <= 0x8d) return 2;
    if (lead >= 0x90 && lead <= 0x9b) return 3;
    return lead === 0x9c || lead === 0x9d ? 4 : 1;
  },
  leastTrail: 0x80,
};

/** End of the character at `at`: at the latest in front of what cannot belong to it; beyond `to` when that cuts it off. */
function endOfCharacter({ lengthOf, leastTrail }: Shape, buffer: Buffer, at: number, to: number): number {
  const end = at + lengthOf(buffer, at);
  const known = Math.min(end, to);
  for (let trail = at + 1; trail < known; trail += 1) if (buffer[trail]! < leastTrail) return trail;
  return end;
}

/** PostgreSQL's name, how its bytes form characters, and the name of a decoder; null: there is none. */
const TABLE: readonly (readonly [name: string, shape: Shape, decoder: string | null])[] = [
  ['SQL_ASCII', single, null],
  ['LATIN2', single, 'iso-8859-2'],
  ['LATIN3', single, 'iso-8859-3'],
  ['LATIN4', single, 'iso-8859-4'],
  ['LATIN5', single, 'windows-1254'],
  ['LATIN6', single, 'iso-8859-10'],
  ['LATIN7', single, 'iso-8859-13'],
  ['LATIN8', single, 'iso-8859-14'],
  ['LATIN9', single, 'iso-8859-15'],
  ['LATIN10', single, null],
  ['ISO_8859_5', single, 'iso-8859-5'],
  ['ISO_8859_6', single, 'iso-8859-6'],
  ['ISO_8859_7', single, 'iso-8859-7'],
  ['ISO_8859_8', single, 'iso-8859-8'],
  ['WIN866', single, 'ibm866'],
  ['WIN874', single, 'windows-874'],
  ['WIN1250', single, 'windows-1250'],
  ['WIN1251', single, 'windows-1251'],
  ['WIN1252', single, 'windows-1252'],
  ['WIN1253', single, 'windows-1253'],
  ['WIN1254', single, 'windows-1254'],
  ['WIN1255', single, 'windows-1255'],
  ['WIN1256', single, 'windows-1256'],
  ['WIN1257', single, 'windows-1257'],
  ['WIN1258', single, 'windows-1258'],
  ['KOI8R', single, 'koi8-r'],
  ['KOI8U', single, 'koi8-u'],
  ['SJIS', shiftJis, 'shift_jis'],
  ['SHIFT_JIS_2004', shiftJis, 'shift_jis'],
  ['EUC_JP', euc(2), 'euc-jp'],
  ['EUC_JIS_2004', euc(2), 'euc-jp'],
  ['EUC_CN', euc(3), 'gbk'],
  ['EUC_KR', euc(2), 'euc-kr'],
  ['EUC_TW', euc(4), null],
  ['BIG5', double, 'big5'],
  ['GBK', double, 'gbk'],
  ['GB18030', gb18030, 'gb18030'],
  ['UHC', double, 'euc-kr'],
  ['JOHAB', euc(2), null],
  ['MULE_INTERNAL', mule, null],
];

/** What a client speaks until its server has told. */
export const UTF8: Encoding = {
  name: 'UTF8',
  decode: decodeText,
  boundary: characterBoundary,
};

/** What cannot be decoded: every byte that is not ASCII is shown. */
const UNKNOWN: Encoding = tabled('SQL_ASCII', single, null);

const ENCODINGS = new Map<string, Encoding>([
  [UTF8.name, UTF8],
  [
    'LATIN1',
    { ...tabled('LATIN1', single, null), decode: (buffer, from, to) => buffer.toString('latin1', from, to) },
  ],
  ...TABLE.map(([name, shape, decoder]): [string, Encoding] => [name, tabled(name, shape, decoder)]),
]);

/** The encoding that a server's ParameterStatus `client_encoding` names, or a client's StartupMessage: there it may be another spelling. */
export function encodingOf(name: string): Encoding {
  const known = ENCODINGS.get(name);
  if (known !== undefined) return known;
  const plain = name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '');
  if (plain === 'UTF8' || plain === 'UNICODE' || plain === 'AUTO') return UTF8;
  for (const [canonical, encoding] of ENCODINGS) if (canonical.replaceAll('_', '') === plain) return encoding;
  return UNKNOWN;
}

function tabled(name: string, shape: Shape, decoderName: string | null): Encoding {
  // Made when it is used for the first time.
  let decoder: TextDecoder | null = null;
  const decode = (bytes: Uint8Array): string => (decoder ??= new TextDecoder(decoderName!)).decode(bytes);
  return {
    name,
    decode: (buffer, from, to) => {
      if (decoderName !== null && isWellFormed(shape, buffer, from, to)) {
        const text = decode(buffer.subarray(from, to));
        if (!text.includes('\ufffd')) return text;
      }
      // A decoder that does not know a character may take its second byte for one of its own.
      let text = '';
      for (let at = from; at < to;) {
        const end = Math.min(endOfCharacter(shape, buffer, at, to), to);
        text += decodeCharacter(buffer, at, end, decoderName === null ? null : decode);
        at = end;
      }
      return text;
    },
    boundary: (buffer, from, to) => {
      let at = from;
      for (let end = from; end <= to; end = endOfCharacter(shape, buffer, end, to)) {
        at = end;
        if (end === to) break;
      }
      return at;
    },
  };
}

/** Whether each character has all of its bytes. A decoder of a larger encoding (gbk for EUC_CN) would not mind. */
function isWellFormed(shape: Shape, buffer: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to;) {
    const end = endOfCharacter(shape, buffer, at, to);
    if (end > to || end < at + shape.lengthOf(buffer, at)) return false;
    at = end;
  }
  return true;
}

function decodeCharacter(
  buffer: Buffer,
  from: number,
  to: number,
  decode: ((bytes: Uint8Array) => string) | null,
): string {
  if (to === from + 1 && isAscii(buffer[from]!)) return String.fromCharCode(buffer[from]!);
  const decoded = decode?.(buffer.subarray(from, to)) ?? '\ufffd';
  if (!decoded.includes('\ufffd')) return decoded;
  let text = '';
  for (let at = from; at < to; at += 1) text += String.fromCodePoint(UNDECODED + buffer[at]!);
  return text;
}
