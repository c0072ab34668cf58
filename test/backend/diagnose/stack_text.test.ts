import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseKernelStack, parseUserStack } from '../../../src/backend/diagnose/stack_text.ts';

describe('a stack', () => {
  it('of eu-stack is its functions, innermost first, those without a name as ??', () => {
    const text = `PID 11319 - process
TID 11319:
#0  0x00007fc801f28ef3 epoll_wait
#1  0x0000564fa493321e WaitEventSetWait
#2  0x0000564fa482ed2c
#3  0x00007fc801e47305 __libc_start_main@@GLIBC_2.34
`;
    assert.deepEqual(parseUserStack(text), ['epoll_wait', 'WaitEventSetWait', '??', '__libc_start_main']);
  });

  it('of gdb is the same', () => {
    const text = `[Thread debugging using libthread_db enabled]
0x00007fc801f28ef3 in epoll_wait (epfd=10) at ../sysdeps/unix/sysv/linux/epoll_wait.c:30
#0  0x00007fc801f28ef3 in epoll_wait (epfd=10, events=0x564fe1403f98, maxevents=1) at ../sysdeps/x.c:30
#1  0x0000564fa493321e in WaitEventSetWait ()
#2  0x0000564fa482ed2c in ?? ()
#3  exec_stmt (estate=0x1) at pl_exec.c:2
#4  <signal handler called>
[Inferior 1 (process 11315) detached]
`;
    assert.deepEqual(parseUserStack(text), ['epoll_wait', 'WaitEventSetWait', '??', 'exec_stmt', '??']);
  });

  it('of the kernel is its functions', () => {
    const text = '[<0>] do_epoll_wait+0x548/0x5a0\n[<0>] do_syscall_64+0x71/0x280\n';
    assert.deepEqual(parseKernelStack(text), ['do_epoll_wait', 'do_syscall_64']);
  });

  it('is kept to its innermost 64 functions', () => {
    const text = Array.from({ length: 101 }, (_, at) => `#${at}  0x1 f${at}`).join('\n');
    assert.deepEqual([parseUserStack(text).length, parseUserStack(text).at(-1)], [64, 'f63']);
  });

  it('that is none has no function', () => {
    assert.deepEqual(
      [parseUserStack(''), parseUserStack('cannot attach'), parseKernelStack('')],
      [[], [], []],
    );
  });
});
