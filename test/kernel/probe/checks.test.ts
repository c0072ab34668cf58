import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CHECKS, checksText, runChecks } from '../../../src/kernel/probe/checks.ts';
import type { Machine } from '../../../src/kernel/probe/machine.ts';
import { chooseEvents, chooseMethod } from '../../../src/kernel/probe/start.ts';

const KERNEL = '6.12.1-amd64';

const FILES: Readonly<Record<string, string>> = {
  '/proc/modules': '',
  '/proc/kallsyms': 'ffffffff81000000 T register_kprobe\nffffffff81000000 T register_ftrace_direct\n',
  '/sys/kernel/security/lockdown': '[none] integrity confidentiality\n',
  [`/lib/modules/${KERNEL}/build`]: '',
  [`/usr/lib/debug/boot/vmlinux-${KERNEL}`]: '',
  '/sys/kernel/tracing/events': '',
  '/sys/kernel/tracing/events/sock/sock_send_length': '',
  '/sys/kernel/tracing/events/sock/sock_recv_length': '',
  '/sys/kernel/tracing/events/tcp/tcp_destroy_sock': '',
  '/sys/kernel/tracing/available_filter_functions': 'tcp_sendmsg\ntcp_recvmsg\n',
  '/sys/bus/event_source/devices/kprobe': '',
  '/sys/kernel/btf/vmlinux': '',
};

/** Those of Linux 6.3. */
const TRACEPOINTS = Object.keys(FILES).filter((name) => name.includes('/events/sock/'));

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
    argumentsOf: () => ['sk', 'msg', 'len', 'flags', 'addr_len'],
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

  it('says of each kind of events why there is none', () => {
    const old = machine({
      kernel: '5.4.0',
      without: TRACEPOINTS,
      files: { '/proc/kallsyms': '', '/sys/kernel/tracing/available_filter_functions': 'tcp_close\n' },
    });
    assert.throws(() => chooseMethod('bpftrace', old), {
      code: 'PROBE_NOT_POSSIBLE',
      message: new RegExp(
        'tracepoints: .*Linux 5\\.4\\.0 lacks sock:sock_send_length, sock:sock_recv_length.*; ' +
          'fentry: .*Linux 5\\.5.*; fentry: .*lacks tcp_sendmsg.*; kprobes: .*no kprobes',
      ),
    });
  });
});

/** Without what fentry needs: so are Linux before 5.5 on x86, and before 6.4 on arm64. */
const NO_DIRECT_CALLS = { '/proc/kallsyms': 'ffffffff81000000 T register_kprobe\n' };

describe('the events of bpftrace', () => {
  for (const [what, but, events] of [
    ['all is there', {}, ['tracepoints', 'fentry', 'kprobes']],
    ['it is Debian 12 or RHEL 9 on x86', { kernel: '5.14.0', without: TRACEPOINTS }, ['fentry', 'kprobes']],
    ['it is Debian 12 on arm64', { without: TRACEPOINTS, files: NO_DIRECT_CALLS }, ['kprobes']],
    [
      'functions may not be traced, and there are no kprobes',
      {
        files: { '/proc/kallsyms': 'ffffffff81000000 T register_ftrace_direct\n' },
        read: (file: string) => (file.includes('available') ? null : (FILES[file] ?? null)),
        without: ['/sys/bus/event_source/devices/kprobe'],
      },
      ['tracepoints'],
    ],
    [
      'the types of the kernel do not tell where flags are',
      { without: TRACEPOINTS, files: NO_DIRECT_CALLS, argumentsOf: () => null },
      [],
    ],
    [
      'kprobes are no events',
      { without: [...TRACEPOINTS, '/sys/bus/event_source/devices/kprobe'], files: NO_DIRECT_CALLS },
      [],
    ],
  ] satisfies [string, Changes, string[]][]) {
    it(`are ${events.join(', then ') || 'none'} when ${what}`, () => {
      assert.deepEqual(chooseEvents('auto', machine(but)), events);
      if (events.length === 0) {
        assert.throws(() => chooseMethod('bpftrace', machine(but)), { code: 'PROBE_NOT_POSSIBLE' });
      } else {
        assert.equal(chooseMethod('bpftrace', machine(but)).method, 'bpftrace');
        const text = checksText(runChecks(machine(but)));
        assert.match(text, new RegExp(`^bpftrace {2}what it counts by +${events[0]}$`, 'm'));
      }
    });
  }

  it('are the ones that are asked for', () => {
    assert.deepEqual(chooseEvents('kprobes', machine()), ['kprobes']);
  });

  it('are not what does not work here, and it is said why', () => {
    assert.throws(() => chooseEvents('fentry', machine({ files: NO_DIRECT_CALLS })), {
      code: 'PROBE_NOT_POSSIBLE',
      message: /^fentry: functions call BPF programs: those of this kernel cannot \(CONFIG_DYNAMIC/,
    });
  });

  it('need BTF', () => {
    const without = [...TRACEPOINTS, '/sys/kernel/btf/vmlinux'];
    assert.throws(() => chooseMethod('bpftrace', machine({ without })), /no \/sys\/kernel\/btf\/vmlinux/);
  });

  it('need a kernel that is not locked down', () => {
    const locked = machine({ without: TRACEPOINTS, files: LOCKED });
    assert.throws(() => chooseMethod('bpftrace', locked), /locked down \(confidentiality\)/);
  });
});

describe('--check', () => {
  it('has a line for each thing that a method needs', () => {
    const text = checksText(runChecks(machine({ isRoot: false })));
    assert.equal(text.split('\n').length - 1, CHECKS.length + 1, 'and what bpftrace counts by');
    assert.match(text, /^bpftrace {2}root .*no: only root may do it; sudo pgnetflow probe …$/m);
    assert.match(text, /^ss {8}the program ss .*yes$/m);
  });

  it('claims nothing about what only root may see', () => {
    const text = checksText(runChecks(machine({ ...ORDINARY, read: () => null })));
    const hidden = ['tracefs', "the tracepoint of a socket's end", 'fentry: list of functions', 'kprobes'];
    for (const needs of [...hidden, 'kprobes: in the kernel'])
      assert.match(text, new RegExp(` ${needs} +cannot tell: only root may look$`, 'm'));
    assert.doesNotMatch(text, /not mounted|missing:/);
  });

  it('tells what is missing from what is hidden', () => {
    const exists = (file: string): boolean | null =>
      file.endsWith('sock_send_length') ? false : file.includes('tracing') ? null : true;
    assert.match(checksText(runChecks(machine({ exists }))), /no: Linux .* lacks sock:sock_send_length;/);
  });
});
