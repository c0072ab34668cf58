import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Networks } from '../../src/relay/networks.ts';

const networks = new Networks([
  { address: '10.0.0.0', prefix: 8 },
  { address: '192.0.2.7', prefix: 32 },
  { address: '2001:db8::', prefix: 32 },
  { address: 'fe80::', prefix: 10 },
]);

describe('networks', () => {
  for (const [address, expected] of [
    ['10.0.0.0', true],
    ['10.255.255.255', true],
    ['11.0.0.0', false],
    ['192.0.2.7', true],
    ['192.0.2.8', false],
    ['::ffff:10.1.2.3', true],
    ['::ffff:11.1.2.3', false],
    ['2001:db8:ffff::1', true],
    ['2001:db9::1', false],
    ['fe80::1%eth0', true],
    [undefined, false],
  ] as const) {
    it(`${expected ? 'hold' : 'do not hold'} ${address ?? 'an unknown address'}`, () => {
      assert.equal(networks.has(address, false), expected);
    });
  }

  it('hold Unix-domain sockets only when told', () => {
    assert.equal(networks.has(undefined, true), false);
    assert.equal(new Networks(['unix']).has(undefined, true), true);
    assert.equal(new Networks(['unix']).has('127.0.0.1', false), false);
  });

  it('hold everything with a prefix of 0', () => {
    const all = new Networks([
      { address: '0.0.0.0', prefix: 0 },
      { address: '::', prefix: 0 },
    ]);
    for (const address of ['127.0.0.1', '255.255.255.255', '::1', '2001:db8::1']) {
      assert.equal(all.has(address, false), true, address);
    }
  });

  it('hold nothing when there are none', () => {
    for (const address of ['127.0.0.1', '::1']) assert.equal(new Networks([]).has(address, false), false);
  });
});
