import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatBytes, formatDuration, perSecond } from '../../src/report/units.ts';

describe('sizes for people', () => {
  it('keep two digits or more, and name a binary unit', () => {
    const cases = [
      [0, '0B'],
      [612, '612B'],
      [999, '999B'],
      [1000, '1.0KiB'],
      [10_240, '10KiB'],
      [574_210_048, '548MiB'],
      [1024 ** 3, '1.0GiB'],
      [1024 ** 5 * 2000, '2000PiB'],
    ] as const;
    for (const [bytes, expected] of cases) assert.equal(formatBytes(bytes), expected);
  });

  it('fit into 7 characters below 1000 PiB', () => {
    fc.assert(fc.property(fc.maxSafeNat(), (bytes) => formatBytes(bytes).length <= 7));
  });
});

describe('durations for people', () => {
  it('name the units that matter', () => {
    const cases = [
      [0, '0'],
      [850, '850us'],
      [1200, '1.2ms'],
      [259_000, '259ms'],
      [999_499, '999ms'],
      [999_500, '1.00s'],
      [4_196_000, '4.20s'],
      [59_949_999, '59.9s'],
      [59_950_000, '1m00s'],
      [725_000_000, '12m05s'],
      [3_599_600_000, '1h00m'],
      [10_920_000_000, '3h02m'],
      [86_399_000_000, '1d00h'],
      [3_565_000_000_000, '41d06h'],
    ] as const;
    for (const [us, expected] of cases) assert.equal(formatDuration(us), expected);
  });

  it('fit into 6 characters up to 99 days', () => {
    fc.assert(fc.property(fc.nat(99 * 86_400), (s) => formatDuration(s * 1e6).length <= 6));
  });
});

describe('rates', () => {
  it('are whole, and 0 over no time', () => {
    assert.equal(perSecond(7, 2_000_000), 3);
    assert.equal(perSecond(7, 0), 0);
  });
});
