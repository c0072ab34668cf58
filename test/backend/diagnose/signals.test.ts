import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { blockedRequests, pendingRequests, signalNames } from '../../../src/backend/diagnose/signals.ts';

const mask = (numbers: readonly number[]): string =>
  numbers
    .reduce((bits, number) => bits | (1n << BigInt(number - 1)), 0n)
    .toString(16)
    .padStart(16, '0');

describe('a signal mask', () => {
  for (const [text, names] of [
    ['0000000000000000', []],
    // What a backend of PostgreSQL 15 blocks, ignores and catches.
    ['0000000000400000', ['URG']],
    ['0000000001701800', ['USR2', 'PIPE', 'TTIN', 'TTOU', 'URG', 'XFSZ']],
    ['0000000020006287', ['HUP', 'INT', 'QUIT', 'FPE', 'USR1', 'ALRM', 'TERM', 'PWR']],
    ['0000000000000002', ['INT']],
    ['0000000000004000', ['TERM']],
    ['8000000200000000', ['RT34', 'RT64']],
  ] as const) {
    it(`${text} is ${names.join(' ') || 'none'}`, () => assert.deepEqual(signalNames(text), names));
  }

  it('has the names of this system', { skip: process.platform !== 'linux' && 'needs Linux' }, () => {
    for (const [name, number] of Object.entries(constants.signals)) {
      // Some numbers have two names.
      if (['SIGIOT', 'SIGPOLL', 'SIGUNUSED', 'SIGSTKFLT'].includes(name)) continue;
      assert.deepEqual(signalNames(mask([number])), [name.slice(3)]);
    }
  });

  it('of any signals names as many', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 64 })), (numbers) => {
        assert.equal(new Set(signalNames(mask(numbers))).size, numbers.length);
      }),
    );
  });
});

describe('requests to cancel and to end', () => {
  const none = { ignored: [], caught: [] };

  it('are pending when they were sent and not taken, and blocked when they cannot be', () => {
    const signals = { ...none, pending: ['INT', 'USR1', 'TERM'], blocked: ['TERM', 'URG'] };
    assert.deepEqual(pendingRequests(signals), ['INT', 'TERM']);
    assert.deepEqual(blockedRequests(signals), ['TERM']);
  });

  it('that are blocked and not sent are none', () => {
    assert.deepEqual(blockedRequests({ ...none, pending: [], blocked: ['INT', 'TERM'] }), []);
  });
});
