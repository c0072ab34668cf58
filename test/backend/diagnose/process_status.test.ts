import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseStat, parseStatus } from '../../../src/backend/diagnose/process_status.ts';

const notLinux = process.platform !== 'linux' && 'needs /proc';

const stat = (name: string): string =>
  `4242 (${name}) S 1 4242 4242 0 -1 4194624 3000 0 0 0 23 7 0 0 20 0 1 0 1234567 228000000 5000 18446744073709551615 1 1 0\n`;

describe('/proc/PID/stat', () => {
  it('has state, CPU time and start', () => {
    assert.deepEqual(parseStat(stat('postgres')), {
      name: 'postgres',
      state: 'S',
      userTicks: 23,
      systemTicks: 7,
      startTicks: 1_234_567,
    });
  });

  for (const name of ['a) R (b', 'two words', '', ')))', '((']) {
    it(`is not fooled by a process called "${name}"`, () => {
      const found = parseStat(stat(name));
      assert.deepEqual([found?.name, found?.state, found?.startTicks], [name, 'S', 1_234_567]);
    });
  }

  it('of this process is understood', { skip: notLinux }, () => {
    const found = parseStat(readFileSync('/proc/self/stat', 'utf8'));
    assert.ok(found !== null && found.userTicks > 0 && found.startTicks > 0);
    assert.equal(found.state, 'R');
  });

  it('that is none is null, whatever it is', () => {
    for (const text of ['', '4242', '4242 (x', '4242 (x) S 1', '4242 x S'])
      assert.equal(parseStat(text), null);
    fc.assert(fc.property(fc.string(), (text) => void parseStat(text)));
  });
});

describe('/proc/PID/status', () => {
  it(
    'of this process is understood: what Node catches and ignores, and who traces it',
    { skip: notLinux },
    () => {
      const found = parseStatus(readFileSync('/proc/self/status', 'utf8'));
      assert.ok(found !== null);
      assert.ok(found.signals.ignored.includes('PIPE'));
      assert.equal(found.tracerPid, 0);
      assert.ok(found.voluntarySwitches + found.involuntarySwitches > 0);
    },
  );

  it('has signals sent to the process and to its thread as one list', () => {
    const found = parseStatus(
      'TracerPid:\t7\nSigPnd:\t2\nShdPnd:\t4002\nSigBlk:\t0\nSigIgn:\t0\nSigCgt:\t1\nvoluntary_ctxt_switches:\t23\n',
    );
    assert.deepEqual(found?.signals.pending, ['INT', 'TERM']);
    assert.deepEqual([found?.tracerPid, found?.voluntarySwitches], [7, 23]);
  });

  it('that is none is null, whatever it is', () => {
    for (const text of ['', 'SigPnd:\t0', 'SigPnd:\tx\nShdPnd: 0\nSigBlk: 0\nSigIgn: 0\nSigCgt: 0']) {
      assert.equal(parseStatus(text), null);
    }
    fc.assert(fc.property(fc.string(), (text) => void parseStatus(text)));
  });
});
