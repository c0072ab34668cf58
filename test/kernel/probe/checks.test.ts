import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CHECKS, type Machine, checksText, runChecks } from '../../../src/kernel/probe/checks.ts';
import { chooseMethod } from '../../../src/kernel/probe/start.ts';

const KERNEL = '6.12.1-amd64';

const FILES: Readonly<Record<string, string>> = {
  '/proc/modules': '',
  '/proc/kallsyms': 'ffffffff81000000 T register_kprobe\n',
  '/sys/kernel/security/lockdown': '[none] integrity confidentiality\n',
  [`/lib/modules/${KERNEL}/build`]: '',
  [`/usr/lib/debug/boot/vmlinux-${KERNEL}`]: '',
  '/sys/kernel/tracing/events': '',
  '/sys/kernel/tracing/events/sock/sock_send_length': '',
  '/sys/kernel/tracing/events/sock/sock_recv_length': '',
  '/sys/kernel/tracing/events/tcp/tcp_destroy_sock': '',
  '/sys/kernel/btf/vmlinux': '',
};

type Changes = Partial<Machine> & {
  readonly without?: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
};

/** What an ordinary user sees of such a machine. */
const ORDINARY: Changes = {
  isRoot: false,
  exists: (file) => (/^\/sys\/kernel\/(tracing|debug)\//.test(file) ? null : file in FILES),
};

/** A machine on which all works, but for these. */
function machine(but: Changes = {}): Machine {
  const files = new Map(Object.entries({ ...FILES, ...but.files }));
  for (const name of but.without ?? []) files.delete(name);
  return {
    platform: 'linux',
    isRoot: true,
    kernel: KERNEL,
    exists: (file) => files.has(file),
    read: (file) => files.get(file) ?? null,
    version: (program) => `${program} 1`,
    ...but,
  };
}

const LOCKED = { '/sys/kernel/security/lockdown': 'none integrity [confidentiality]\n' };

describe('--method auto', () => {
  it('takes SystemTap where all works', () => {
    assert.deepEqual(chooseMethod('auto', machine()), { method: 'stap', passedOver: [] });
  });

  for (const [what, but, method, reason] of [
    [
      'there is no stap',
      { version: (program: string) => (program === 'stap' ? null : 'x') },
      'bpftrace',
      /stap does not run \(install/,
    ],
    [
      'there is no compiler',
      { version: (program: string) => (program === 'gcc' ? null : 'x') },
      'bpftrace',
      /install gcc and make/,
    ],
    ['no module can be loaded', { without: ['/proc/modules'] }, 'bpftrace', /loads no modules/],
    ['there are no kprobes', { files: { '/proc/kallsyms': '' } }, 'bpftrace', /no kprobes/],
    ['there are no headers', { without: [`/lib/modules/${KERNEL}/build`] }, 'bpftrace', /linux-headers/],
    [
      'there are no debug symbols',
      { without: [`/usr/lib/debug/boot/vmlinux-${KERNEL}`] },
      'bpftrace',
      /-dbg/,
    ],
    ['it is locked down', { files: LOCKED }, 'ss', /locked down \(confidentiality\)/],
    ['nobody is root', { isRoot: false }, 'ss', /only root may do it \(sudo/],
  ] satisfies [string, Changes, string, RegExp][]) {
    it(`passes it over and says why when ${what}`, () => {
      const choice = chooseMethod('auto', machine(but));
      assert.equal(choice.method, method);
      assert.match(choice.passedOver[0] ?? '', reason);
      assert.match(choice.passedOver[0] ?? '', /^stap does not work here: /);
    });
  }

  it('says to an ordinary user that root is lacking, and no more', () => {
    const lacking = 'only root may do it (sudo pgnetflow probe …)';
    assert.deepEqual(chooseMethod('auto', machine({ ...ORDINARY, kernel: '6.1.0' })), {
      method: 'ss',
      passedOver: [`stap does not work here: ${lacking}`, `bpftrace does not work here: ${lacking}`],
    });
  });

  it('fails where nothing works', () => {
    const nothing = machine({ platform: 'darwin', isRoot: false, version: () => null });
    assert.throws(() => chooseMethod('auto', nothing), {
      code: 'PROBE_NOT_POSSIBLE',
      message: /this is darwin/,
    });
  });
});

describe('bpftrace', () => {
  for (const [what, but, reason] of [
    ['the kernel is too old', { kernel: '6.1.0-18-amd64' }, /Linux 6\.1\.0-18-amd64 is too old/],
    [
      'tracefs is not mounted',
      { without: Object.keys(FILES).filter((name) => name.includes('tracing')) },
      /tracefs is not mounted \(mount -t tracefs tracefs \/sys\/kernel\/tracing\)/,
    ],
    [
      'a tracepoint is missing',
      { without: ['/sys/kernel/tracing/events/tcp/tcp_destroy_sock'] },
      /missing: tcp:tcp_destroy_sock/,
    ],
    ['there is no BTF', { without: ['/sys/kernel/btf/vmlinux'] }, /no \/sys\/kernel\/btf\/vmlinux/],
  ] satisfies [string, Changes, RegExp][]) {
    it(`does not work, with reason and remedy, when ${what}`, () => {
      assert.throws(() => chooseMethod('bpftrace', machine(but)), {
        code: 'PROBE_NOT_POSSIBLE',
        message: reason,
      });
    });
  }

  it('knows that 6.10 is newer than 6.3', () => {
    assert.equal(chooseMethod('bpftrace', machine({ kernel: '6.10.2' })).method, 'bpftrace');
  });
});

describe('--check', () => {
  it('has a line for each thing that a method needs', () => {
    const text = checksText(runChecks(machine({ isRoot: false })));
    assert.equal(text.split('\n').length - 1, CHECKS.length);
    assert.match(text, /^bpftrace {2}root .*no: only root may do it; sudo pgnetflow probe …$/m);
    assert.match(text, /^ss {8}the program ss .*yes$/m);
  });

  it('claims nothing about what only root may see', () => {
    const text = checksText(runChecks(machine({ ...ORDINARY, read: () => null })));
    for (const needs of ['tracefs', 'its tracepoints', 'kprobes'])
      assert.match(text, new RegExp(` ${needs} +cannot tell: only root may look$`, 'm'));
    assert.doesNotMatch(text, /not mounted|missing:/);
  });

  it('tells what is missing from what is hidden', () => {
    const exists = (file: string): boolean | null =>
      file.endsWith('sock_send_length') ? false : file.includes('tracing') ? null : true;
    assert.match(checksText(runChecks(machine({ exists }))), /no: missing: sock:sock_send_length;/);
  });
});
