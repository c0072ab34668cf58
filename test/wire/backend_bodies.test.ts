import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import {
  decodeBackendKeyData,
  decodeCommandTag,
  decodeErrorFields,
  decodeParameterStatus,
} from '../../src/wire/backend_bodies.ts';
import { bytes, typed } from '../support/bytes.ts';
import { parseAll } from '../support/pg_protocol.ts';

/** Decodes a body that lies among other bytes, as in a chunk. */
function decode<Result>(decoder: (buffer: Buffer, from: number, to: number) => Result, body: Buffer): Result {
  const buffer = Buffer.concat([Buffer.from('9 '), body, bytes('"99" 00 "99" 00')]);
  return decoder(buffer, 2, 2 + body.length);
}

describe('a command tag', () => {
  for (const [name, listing, tag, rows] of [
    ['of SELECT', '"SELECT 3" 00', 'SELECT 3', 3],
    ['of INSERT, whose rows come last', '"INSERT 0 17" 00', 'INSERT 0 17', 17],
    ['of COPY of many rows', '"COPY 5000000000" 00', 'COPY 5000000000', 5_000_000_000],
    ['that counts nothing', '"CREATE TABLE" 00', 'CREATE TABLE', null],
    ['of one word', '"BEGIN" 00', 'BEGIN', null],
    ['that ends in digits but counts nothing', '"X2" 00', 'X2', null],
    ['that is a number', '"12" 00', '12', null],
    ['that ends with a space', '"SELECT " 00', 'SELECT ', null],
    ['without its NUL', '"SELECT 3"', 'SELECT 3', 3],
    ['that is empty', '00', '', null],
    ['without a body', '', '', null],
    [
      'with a number no server counts to',
      `"SELECT ${'0'.repeat(400)}7" 00`,
      `SELECT ${'0'.repeat(400)}7`,
      null,
    ],
  ] as const) {
    test(name, () => {
      assert.deepEqual(decode(decodeCommandTag, bytes(listing)), { tag, rows });
    });
  }
});

test('command tags that take turns are each decoded as if they came first', () => {
  const rounds = fc.array(
    fc.constantFrom('SELECT 1', 'SELECT 2', 'BEGIN', 'SELECT 17', '', 'X2', 'INSERT 0 1', 'INSERT 1 0'),
  );
  fc.assert(
    fc.property(rounds, (tags) => {
      for (const tag of tags) {
        const { tag: decoded, rows } = decode(decodeCommandTag, Buffer.from(`${tag}\0`));
        assert.equal(decoded, tag);
        assert.equal(rows, / (\d+)$/.test(tag) ? Number(/\d+$/.exec(tag)![0]) : null);
      }
    }),
  );
});

describe('an ErrorResponse', () => {
  for (const [name, listing, severity, sqlstate, message] of [
    [
      'of a server',
      '"SFEHLER" 00 "VERROR" 00 "C42601" 00 "Mnear x" 00 "P8" 00 00',
      'ERROR',
      '42601',
      'near x',
    ],
    ['of a server before 9.6, without V', '"SERROR" 00 "C42601" 00 "Mx" 00 00', 'ERROR', '42601', 'x'],
    ['with V before S', '"VERROR" 00 "SFEHLER" 00 00', 'ERROR', '', ''],
    ['without SQLSTATE', '"SFATAL" 00 "Mgone" 00 00', 'FATAL', '', 'gone'],
    ['of unknown fields only', '"zz" 00 "yy" 00 00', '', '', ''],
    ['of empty fields', '"S" 00 "C" 00 "M" 00 00', '', '', ''],
    ['of its final NUL only', '00', '', '', ''],
    ['with an empty body', '', '', '', ''],
    ['without its final NUL', '"C57014" 00', '', '57014', ''],
    ['cut behind a field code', '"C57014" 00 "M"', '', '57014', ''],
    ['cut within a message', '"C57014" 00 "Mcance"', '', '57014', 'cance'],
    ['cut within é: without it', '"C57014" 00 "Mcaf" c3', '', '57014', 'caf'],
    ['whose text is no UTF-8', '"Mcaf" e9 00 00', '', '', 'caf\ufffd'],
  ] as const) {
    test(name, () => {
      assert.deepEqual(decode(decodeErrorFields, bytes(listing)), { severity, sqlstate, message });
    });
  }

  test('of any bytes ends', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (body) => {
        assert.equal(typeof decode(decodeErrorFields, Buffer.from(body)).message, 'string');
      }),
    );
  });

  test('reads as an independent client reads it', () => {
    const text = fc.string({ unit: 'grapheme' }).map((value) => value.replaceAll('\0', ''));
    fc.assert(
      fc.property(text, text, text, (severity, sqlstate, message) => {
        const body = Buffer.from(`S${severity}\0C${sqlstate}\0M${message}\0\0`);
        const [error] = parseAll([typed(0x45, body)]);
        assert.ok(error?.name === 'error');
        assert.deepEqual(decode(decodeErrorFields, body), {
          severity: error.severity,
          sqlstate: error.code,
          message: error.message ?? '',
        });
      }),
    );
  });
});

describe('a ParameterStatus', () => {
  for (const [name, listing, expected] of [
    ['whole', '"TimeZone" 00 "UTC" 00', { name: 'TimeZone', value: 'UTC' }],
    ['with an empty value', '"application_name" 00 00', { name: 'application_name', value: '' }],
    ['cut within the value', '"TimeZone" 00 "UT"', null],
    ['cut within the name', '"TimeZ"', null],
    ['with an empty body', '', null],
  ] as const) {
    test(name, () => {
      assert.deepEqual(decode(decodeParameterStatus, bytes(listing)), expected);
    });
  }
});

describe('a BackendKeyData', () => {
  for (const length of [0, 4, 32, 256]) {
    test(`with a key of ${length} bytes, which is a copy`, () => {
      const body = Buffer.concat([bytes('00001267 # process 4711'), Buffer.alloc(length, 0x5a)]);
      const decoded = decodeBackendKeyData(body, 0, body.length);
      body.fill(0);
      assert.deepEqual(decoded, { processId: 4711, key: Buffer.alloc(length, 0x5a) });
    });
  }

  test('too short for a process id is not decoded', () => {
    assert.equal(decode(decodeBackendKeyData, bytes('000000')), null);
  });
});
