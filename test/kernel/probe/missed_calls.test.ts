import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { missedCalls, missedIn } from '../../../src/kernel/probe/missed_calls.ts';

/** As Linux 6.1 says it of a program; Linux 5.10 has no last line. */
const fdinfo = (type: number, last = 'recursion_misses:\t8\n'): string =>
  `pos:\t0\nflags:\t02000002\nmnt_id:\t15\nino:\t1058\nprog_type:\t${type}\nprog_jited:\t1\n` +
  `prog_tag:\t0d5dc7a3d24cc18c\nmemlock:\t16384\nprog_id:\t23\nrun_time_ns:\t0\nrun_cnt:\t0\n${last}`;

describe('the calls that the kernel has missed', () => {
  it('are those of programs that look at sends and receives', () => {
    assert.deepEqual(
      [2, 26].map((type) => missedIn(fdinfo(type))),
      [8, 8],
    );
  });

  it('are not those of a tracepoint, which only tells the end of a socket', () => {
    assert.equal(missedIn(fdinfo(5)), 0);
  });

  it('are not known before Linux 5.12, nor of other files', () => {
    assert.equal(missedIn(fdinfo(26, '')), 0);
    assert.equal(missedIn('pos:\t0\nflags:\t02\nmnt_id:\t15\n'), 0);
  });

  it('are none of a process without programs, or that has ended', () => {
    assert.equal(missedCalls(process.pid), 0);
    assert.equal(missedCalls(2 ** 22 + 1), 0);
  });
});
