import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type ProxyHeader, ProxyHeaderReader } from '../../src/wire/proxy_protocol.ts';

const SIGNATURE = '0d0a0d0a000d0a515549540a';
const hex = (...parts: string[]): Buffer => Buffer.from(parts.join('').replaceAll(' ', ''), 'hex');
const proxied = (address: string, port: number, bytes: number): ProxyHeader => ({
  kind: 'proxied',
  address,
  port,
  bytes,
});

const VALID: readonly [name: string, header: Buffer, expected: ProxyHeader][] = [
  [
    'version 1, IPv4',
    Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 56324 5432\r\n'),
    proxied('192.0.2.1', 56324, 43),
  ],
  ['version 1, IPv6', Buffer.from('PROXY TCP6 2001:db8::1 ::1 1 65535\r\n'), proxied('2001:db8::1', 1, 36)],
  ['version 1, UNKNOWN alone', Buffer.from('PROXY UNKNOWN\r\n'), { kind: 'local', bytes: 15 }],
  [
    'version 1, UNKNOWN with addresses that must be ignored',
    Buffer.from('PROXY UNKNOWN a b c d\r\n'),
    { kind: 'local', bytes: 23 },
  ],
  [
    'version 2, IPv4',
    hex(SIGNATURE, '21 11 000c', 'c0000201 c0000202 dc04 1538'),
    proxied('192.0.2.1', 56324, 28),
  ],
  [
    'version 2, IPv4, with a TLV behind the addresses',
    hex(SIGNATURE, '21 11 0011', 'c0000201 c0000202 dc04 1538', '04 0002 beef'),
    proxied('192.0.2.1', 56324, 33),
  ],
  [
    'version 2, IPv6',
    hex(
      SIGNATURE,
      '21 21 0024',
      '20010db8000000000000000000000001',
      '00000000000000000000000000000001',
      '0001 1538',
    ),
    proxied('2001:db8::1', 1, 52),
  ],
  [
    'version 2, Unix-domain',
    Buffer.concat([hex(SIGNATURE, '21 31 00d8'), Buffer.from('/run/app.sock\0'.padEnd(216, '\0'))]),
    proxied('/run/app.sock', 0, 232),
  ],
  ['version 2, LOCAL: a health check', hex(SIGNATURE, '20 00 0000'), { kind: 'local', bytes: 16 }],
  ['version 2, unspecified family', hex(SIGNATURE, '21 00 0003 010203'), { kind: 'local', bytes: 19 }],
];

const INVALID: readonly [name: string, bytes: Buffer, reason: RegExp][] = [
  ['a start-up packet', hex('00000008 04d2162f'), /does not begin/],
  ['an unknown family', Buffer.from('PROXY UDP4 1.1.1.1 1.1.1.1 1 1\r\n'), /UDP4/],
  ['an IPv6 address called TCP4', Buffer.from('PROXY TCP4 ::1 ::1 1 1\r\n'), /not TCP4/],
  ['a port that is too large', Buffer.from('PROXY TCP4 1.1.1.1 1.1.1.1 65536 1\r\n'), /port/],
  ['a line without CR', Buffer.from('PROXY TCP4 1.1.1.1 1.1.1.1 1 1\n'), /CR LF/],
  ['a line without end', Buffer.from(`PROXY ${'x'.repeat(200)}`), /107/],
  ['version 3', hex(SIGNATURE, '31 11 0000'), /version 3/],
  ['an unknown command', hex(SIGNATURE, '22 11 0000'), /command 2/],
  ['addresses cut off', hex(SIGNATURE, '21 11 0004 01020304'), /too short/],
  ['a length of 65,535', hex(SIGNATURE, '21 11 ffff'), /65551/],
];

/** Reads pieces one after the other; returns the header and how many bytes were left over. */
function readPieces(pieces: readonly Buffer[]): { header: ProxyHeader | null; left: number } {
  const reader = new ProxyHeaderReader();
  for (const [index, piece] of pieces.entries()) {
    const { at, header } = reader.read(piece, 0, piece.length);
    if (header !== null) {
      const later = pieces.slice(index + 1).reduce((sum, { length }) => sum + length, 0);
      return { header, left: piece.length - at + later };
    }
  }
  return { header: null, left: 0 };
}

describe('the PROXY protocol', () => {
  const behind = hex('0000000804d2162f');

  for (const [name, header, expected] of VALID) {
    it(`${name}, cut anywhere, and no byte behind it is taken`, () => {
      const stream = Buffer.concat([header, behind]);
      for (let cut = 0; cut <= stream.length; cut += 1) {
        const found = readPieces([stream.subarray(0, cut), stream.subarray(cut)]);
        assert.deepEqual(found, { header: expected, left: behind.length }, `cut at ${cut}`);
      }
      assert.equal(readPieces([header.subarray(0, -1)]).header, null, 'one byte is missing');
    });
  }

  for (const [name, bytes, reason] of INVALID) {
    it(`refuses ${name}, byte by byte, too`, () => {
      for (const pieces of [[bytes], Array.from(bytes, (byte) => Buffer.from([byte]))]) {
        const { header } = readPieces(pieces);
        assert.equal(header?.kind, 'invalid');
        assert.match(header.reason, reason);
      }
    });
  }

  it('never holds more than 4096 bytes nor throws, whatever comes', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(Buffer.from('PROXY '), hex(SIGNATURE), Buffer.alloc(0)),
        fc.uint8Array(),
        (start, rest) => {
          const reader = new ProxyHeaderReader();
          const stream = Buffer.concat([start, rest]);
          const { at, header } = reader.read(stream, 0, stream.length);
          assert.ok(at <= stream.length && reader.pending <= 4096);
          if (header === null) assert.equal(reader.pending, stream.length);
        },
      ),
    );
  });
});
