import { strict as assert } from 'node:assert';
import { it } from 'node:test';
import { endOf, parseEnd } from '../../src/kernel/address.ts';

const same: [written: string, address: string, port: number][] = [
  ['127.0.0.1:5432', '127.0.0.1', 5432],
  ['127.0.0.1:5432', '::ffff:127.0.0.1', 5432],
  ['[::ffff:127.0.0.1]:5432', '127.0.0.1', 5432],
  ['[::1]:5432', '::1', 5432],
  ['[0:0:0:0:0:0:0:1]:5432', '::1', 5432],
  ['[2001:DB8::0:39]:1', '2001:db8::39', 1],
  ['[fe80::1%eth0]:1', 'fe80::1%2', 1],
];

for (const [written, address, port] of same) {
  it(`${written} in a record is ${address} port ${port} in a report`, () => {
    assert.equal(parseEnd(written), endOf({ address, port }));
  });
}

it('other ports and other addresses are other ends', () => {
  const ends = ['127.0.0.1:1', '127.0.0.1:2', '127.0.0.2:1', '[::1]:1', 'rubbish', ''].map(parseEnd);
  assert.equal(new Set(ends).size, ends.length);
});
