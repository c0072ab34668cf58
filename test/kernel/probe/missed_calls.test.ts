import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { missedCalls, missedIn } from '../../../src/kernel/probe/missed_calls.ts';

const KPROBE = 2;
const TRACEPOINT = 5;
const FENTRY = 26;

/** As Linux 6.18 says it of a program. */
const fdinfo = (id: number, type: number, misses: number, instructions = 2000): string =>
  `pos:\t0\nflags:\t02000002\nmnt_id:\t15\nino:\t1058\nprog_type:\t${type}\nprog_jited:\t1\n` +
  `prog_tag:\t0d5dc7a3d24cc18c\nmemlock:\t16384\nprog_id:\t${id}\nrun_time_ns:\t0\nrun_cnt:\t0\n` +
  `recursion_misses:\t${misses}\nverified_insns:\t${instructions}\n`;

const END_OF_SOCKET = fdinfo(3, TRACEPOINT, 100, 843);

describe('the calls that the kernel has missed', () => {
  it('are those of programs that look at sends and receives, by whatever events', () => {
    for (const type of [TRACEPOINT, KPROBE, FENTRY]) {
      assert.equal(missedIn([fdinfo(1, type, 8, 2075), fdinfo(2, type, 3, 2111), END_OF_SOCKET]), 11);
    }
  });

  it('are not those of the end of a socket', () => {
    assert.equal(missedIn([fdinfo(1, TRACEPOINT, 0), END_OF_SOCKET, fdinfo(2, TRACEPOINT, 0)]), 0);
    assert.equal(missedIn([fdinfo(1, FENTRY, 0), fdinfo(2, FENTRY, 0), END_OF_SOCKET]), 0);
  });

  it('count once for a program that is open twice, or has a link', () => {
    assert.equal(missedIn([fdinfo(1, FENTRY, 8), fdinfo(1, FENTRY, 8)]), 8);
    const link =
      'pos:\t0\nlink_type:\ttracing\nlink_id:\t7\nprog_tag:\t0d5dc7a3d24cc18c\nprog_id:\t1\nattach_type:\t25\n';
    assert.equal(missedIn([fdinfo(1, FENTRY, 8), link]), 8);
  });

  it('are not known before Linux 5.12, nor of other files', () => {
    // Linux 5.10 has neither of these lines.
    const old = fdinfo(1, KPROBE, 8).replace(/^(?:recursion_misses|verified_insns).*\n/gm, '');
    assert.equal(missedIn([old, 'pos:\t0\nflags:\t02\nmnt_id:\t15\n']), 0);
  });

  it('are none of a process without programs, or that has ended', () => {
    assert.equal(missedCalls(process.pid), 0);
    assert.equal(missedCalls(2 ** 22 + 1), 0);
  });
});
