import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseNetwork } from '../../src/settings/network.ts';

describe('a network', () => {
  for (const [text, expected] of [
    ['10.0.0.0/8', { address: '10.0.0.0', prefix: 8 }],
    ['10.1.2.3', { address: '10.1.2.3', prefix: 32 }],
    ['0.0.0.0/0', { address: '0.0.0.0', prefix: 0 }],
    ['2001:db8::/32', { address: '2001:db8::', prefix: 32 }],
    ['::1', { address: '::1', prefix: 128 }],
    ['unix', 'unix'],
  ] as const) {
    it(`can be ${text}`, () => assert.deepEqual(parseNetwork(text), expected));
  }

  for (const text of [
    '',
    'balancer',
    '10.0.0/8',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '::/129',
    'fe80::1%eth0',
    '[::1]',
    '10.0.0.0/255.0.0.0',
  ]) {
    it(`cannot be ${JSON.stringify(text)}, and the error repeats it`, () => {
      assert.throws(
        () => parseNetwork(text),
        (error) => error instanceof Error && error.message.includes(`"${text}"`),
      );
    });
  }
});
