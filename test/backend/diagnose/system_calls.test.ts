import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseSystemCall, type SystemCall } from '../../../src/backend/diagnose/system_calls.ts';

const text = (call: SystemCall | null): string | null =>
  call?.kind === 'call' ? call.text : (call?.kind ?? null);

describe('/proc/PID/syscall', () => {
  for (const [line, x64, arm64] of [
    [
      '232 0xa 0x564fe1403f98 0x1 0xffffffff 0xffffffffffffffff 0x0 0x7f 0x7f',
      'epoll_wait(epfd 10, maxevents 1, no timeout)',
      null,
    ],
    [
      '22 0xa 0x564fe1403f98 0x1 0x927c0 0x0 0x8 0x7f 0x7f',
      null,
      'epoll_pwait(epfd 10, maxevents 1, timeout 600000 ms)',
    ],
    [
      '232 0x9 0x1 0x1 0xdeadbeefffffffff 0x6000001 0x0 0x7f 0x7f',
      'epoll_wait(epfd 9, maxevents 1, no timeout)',
      null,
    ],
    ['44 0x8 0x5 0x2000 0x0 0x0 0x0 0x7f 0x7f', 'sendto(fd 8, bytes 8192)', null],
    ['206 0x8 0x5 0x2000 0x0 0x0 0x0 0x7f 0x7f', null, 'sendto(fd 8, bytes 8192)'],
    ['17 0x7 0x5 0x2000 0x4000 0x0 0x0 0x7f 0x7f', 'pread64(fd 7, bytes 8192, offset 16384)', null],
    ['74 0xffffffff 0x0 0x0 0x0 0x0 0x0 0x7f 0x7f', 'fsync(fd -1)', null],
    ['202 0x7fc7f6c00038 0x80 0x0 0x0 0x0 0x0 0x7f 0x7f', 'futex(address 0x7fc7f6c00038)', null],
    [
      '441 0x5 0x0 0x1 0x0 0x0 0x0 0x7f 0x7f',
      'epoll_pwait2(epfd 5, maxevents 1)',
      'epoll_pwait2(epfd 5, maxevents 1)',
    ],
    ['7 0x5 0x2 0x3e8 0x0 0x0 0x0 0x7f 0x7f', 'poll(fds 2, timeout 1000 ms)', null],
    ['running', 'running', 'running'],
    ['-1 0x7fff 0x7f', 'none', 'none'],
    ['999 0x0 0x0 0x0 0x0 0x0 0x0 0x7f 0x7f', 'syscall 999', 'syscall 999'],
  ] as const) {
    if (x64 !== null)
      it(`${line} is ${x64} on x64`, () => assert.equal(text(parseSystemCall(`${line}\n`, 'x64')), x64));
    if (arm64 !== null)
      it(`${line} is ${arm64} on arm64`, () => assert.equal(text(parseSystemCall(line, 'arm64')), arm64));
  }

  it('names the descriptor that the call works on', () => {
    const found = parseSystemCall('74 0x7 0x0 0x0 0x0 0x0 0x0 0x7f 0x7f', 'x64');
    assert.deepEqual(
      [found?.kind === 'call' && found.fd, found?.kind === 'call' && found.name],
      [7, 'fsync'],
    );
  });

  it('of a machine that is not known has its number', () => {
    assert.equal(text(parseSystemCall('74 0x7 0x0 0x0 0x0 0x0 0x0 0x7f 0x7f', 'riscv64')), 'syscall 74');
  });

  it('that is none is null, whatever it is', () => {
    for (const line of ['', 'x', '74', '74 7 0 0 0 0 0 0 0', '1.5 0x0'])
      assert.equal(parseSystemCall(line, 'x64'), null);
    fc.assert(fc.property(fc.string(), (line) => void parseSystemCall(line, 'x64')));
  });

  for (const [arch, header] of [
    ['x64', '/usr/include/x86_64-linux-gnu/asm/unistd_64.h'],
    ['arm64', '/usr/include/asm-generic/unistd.h'],
  ] as const) {
    const missing = !existsSync(header) && `needs ${header} (Debian's package linux-libc-dev)`;
    it(`has the numbers that the kernel's header has for ${arch}`, { skip: missing }, () => {
      const defined = readFileSync(header, 'utf8').matchAll(/^#define __NR(?:3264)?_(\w+)\s+(\d+)$/gm);
      let found = 0;
      for (const [, name, number] of defined) {
        const call = parseSystemCall(`${number} 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0`, arch);
        assert.ok(call?.kind === 'call');
        // That one is of other machines, under a number that has two names.
        if (call.name.startsWith('syscall ') || name === 'sync_file_range2') continue;
        // Where the header gives old and new times names of their own, the plain one is meant.
        assert.equal(call.name, name!.replace(/_time64$/, ''));
        found += 1;
      }
      assert.ok(found > 40, `${found} calls were compared`);
    });
  }
});
