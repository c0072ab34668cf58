// The arithmetic of TLS records: what TLS adds to the plaintext tells how many there are.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { recordOverhead, recordsFromOverhead, recordsOfWrite } from '../../src/wire/tls_records.ts';

/** Bytes of a record's header, explicit nonce, inner content type and tag. */
const SUITES: readonly (readonly [string, string, number | null])[] = [
  ['TLSv1.3', 'TLS_AES_256_GCM_SHA384', 5 + 1 + 16],
  ['TLSv1.3', 'TLS_AES_128_GCM_SHA256', 5 + 1 + 16],
  ['TLSv1.3', 'TLS_CHACHA20_POLY1305_SHA256', 5 + 1 + 16],
  ['TLSv1.3', 'TLS_AES_128_CCM_SHA256', 5 + 1 + 16],
  ['TLSv1.3', 'TLS_AES_128_CCM_8_SHA256', 5 + 1 + 8],
  ['TLSv1.2', 'ECDHE-RSA-AES128-GCM-SHA256', 5 + 8 + 16],
  ['TLSv1.2', 'AES256-GCM-SHA384', 5 + 8 + 16],
  ['TLSv1.2', 'ECDHE-ECDSA-CHACHA20-POLY1305', 5 + 16],
  ['TLSv1.2', 'ECDHE-ECDSA-AES128-CCM', 5 + 8 + 16],
  ['TLSv1.2', 'ECDHE-ECDSA-AES128-CCM8', 5 + 8 + 8],
  ['TLSv1.2', 'ECDHE-RSA-ARIA128-GCM-SHA256', 5 + 8 + 16],
  ['TLSv1.2', 'ECDHE-RSA-AES256-SHA384', null],
  ['TLSv1.2', 'ECDHE-RSA-AES128-SHA', null],
  ['TLSv1.1', 'AES128-SHA', null],
  ['TLSv1.4', 'TLS_AES_256_GCM_SHA384', null],
  ['TLSv1.3', 'TLS_SOMETHING_NEW', null],
];

const overheads = fc.constantFrom(14, 21, 22, 29);
const record = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 16_384 }));
const records = fc.array(record, { maxLength: 200 });

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

describe('the length of TLS records', () => {
  for (const [protocol, cipher, expected] of SUITES) {
    it(`is known of ${protocol} with ${cipher}: ${expected ?? 'not'}`, () => {
      assert.equal(recordOverhead(protocol, cipher), expected);
    });
  }

  it('is not known before the handshake', () => assert.equal(recordOverhead(null, null), null));

  it('tells the number of any records, with close_notify behind them or without', () => {
    fc.assert(
      fc.property(records, overheads, fc.boolean(), (sizes, overhead, closed) => {
        const added = sizes.length * overhead + (closed ? overhead + 2 : 0);
        assert.equal(recordsFromOverhead(sum(sizes), added, overhead, 'one at most'), sizes.length);
      }),
    );
  });

  it('tells the number of records that writes become', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 200_000 })), overheads, (writes, overhead) => {
        const count = sum(writes.map(recordsOfWrite));
        const cut = writes.flatMap((bytes) => [
          ...Array.from({ length: Math.floor(bytes / 16_384) }, () => 16_384),
          ...(bytes % 16_384 === 0 ? [] : [bytes % 16_384]),
        ]);
        assert.equal(count, cut.length);
        assert.equal(recordsFromOverhead(sum(writes), count * overhead, overhead, 'none'), count);
      }),
    );
  });

  it('tells nothing where an alert cannot be, and is', () => {
    fc.assert(
      fc.property(records, overheads, (sizes, overhead) => {
        const added = (sizes.length + 1) * overhead + 2;
        assert.equal(recordsFromOverhead(sum(sizes), added, overhead, 'none'), null);
      }),
    );
  });

  it('tells nothing where a KeyUpdate is among them', () => {
    fc.assert(
      fc.property(records, overheads, fc.boolean(), (sizes, overhead, closed) => {
        const update = overhead + 5;
        const added = sizes.length * overhead + update + (closed ? overhead + 2 : 0);
        assert.equal(recordsFromOverhead(sum(sizes), added, overhead, 'one at most'), null);
      }),
    );
  });

  it('tells nothing that the plaintext cannot fill, or does not fit into', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 100_000 }),
        fc.integer({ min: 0, max: 1000 }),
        overheads,
        (plain, count, overhead) => {
          const found = recordsFromOverhead(plain, count * overhead, overhead, 'none');
          assert.equal(found, count >= Math.ceil(plain / 16_384) && count <= plain ? count : null);
        },
      ),
    );
  });
});
