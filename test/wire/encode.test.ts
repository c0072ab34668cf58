import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeErrorFields } from '../../src/wire/backend_bodies.ts';
import { fatalError, REFUSE_ENCRYPTION } from '../../src/wire/encode.ts';
import { message } from '../support/bytes.ts';
import { parseAll } from '../support/pg_protocol.ts';

describe('a FATAL error that pgnetflow sends', () => {
  test('is an ErrorResponse, byte for byte', () => {
    assert.deepEqual(
      fatalError('08006', 'no server', 'it is gone'),
      message('E', '"SFATAL" 00 "VFATAL" 00 "C08006" 00 "Mno server" 00 "Dit is gone" 00 00'),
    );
  });

  test('is understood by an independent client, text in UTF-8 included', () => {
    const [error] = parseAll([fatalError('53300', 'zu viele Sitzungen: ü')]);
    assert.ok(error?.name === 'error');
    assert.deepEqual(
      [error.severity, error.code, error.message, error.detail],
      ['FATAL', '53300', 'zu viele Sitzungen: ü', undefined],
    );
  });

  test('is what the decoder reads', () => {
    const error = fatalError('57P03', 'starting');
    assert.deepEqual(decodeErrorFields(error, 5, error.length), {
      severity: 'FATAL',
      sqlstate: '57P03',
      message: 'starting',
    });
  });
});

test('the refusal of encryption is one N', () => {
  assert.equal(REFUSE_ENCRYPTION.toString(), 'N');
});
