import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SaslOffer } from '../../src/wire/sasl_offer.ts';
import { message, splits } from '../support/bytes.ts';

const offer = (...names: readonly string[]): Buffer =>
  message('R', '0000000a', ...names.map((name) => `"${name}" 00`), '00');
const ok = message('R', '00000000');
const version = message('v', '00000000 00000000');
const error = message('E', '"SFATAL" 00 00');

const CASES: Readonly<Record<string, readonly [readonly Buffer[], readonly Buffer[]]>> = {
  'takes the mechanism with channel binding out': [
    [offer('SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'), ok],
    [offer('SCRAM-SHA-256'), ok],
  ],
  'does so behind NegotiateProtocolVersion': [
    [version, offer('SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256')],
    [version, offer('SCRAM-SHA-256')],
  ],
  'leaves an offer without it alone': [[offer('SCRAM-SHA-256')], [offer('SCRAM-SHA-256')]],
  'leaves an offer of nothing else alone': [[offer('SCRAM-SHA-256-PLUS')], [offer('SCRAM-SHA-256-PLUS')]],
  'leaves another way to log in alone': [
    [message('R', '00000005 01020304'), offer('X-PLUS', 'X')],
    [message('R', '00000005 01020304'), offer('X-PLUS', 'X')],
  ],
  'leaves an error alone': [
    [error, offer('X-PLUS', 'X')],
    [error, offer('X-PLUS', 'X')],
  ],
  'leaves what cannot be alone': [
    [Buffer.from('R\0\0\0\x03abc', 'latin1')],
    [Buffer.from('R\0\0\0\x03abc', 'latin1')],
  ],
};

describe('an offer of SASL mechanisms to a client in the clear', () => {
  for (const [name, [sent, expected]] of Object.entries(CASES)) {
    it(`${name}, however it is cut`, () => {
      for (const pieces of splits(Buffer.concat(sent))) {
        const alteration = new SaslOffer();
        const passed = pieces.map((piece) => (alteration.done ? piece : alteration.take(piece)));
        assert.deepEqual(Buffer.concat(passed), Buffer.concat(expected));
        assert.equal(alteration.done, true);
      }
    });
  }
});
