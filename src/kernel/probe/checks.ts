import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Method } from './record.ts';

/** What can be seen of the machine; a test sets up its own. */
export interface Machine {
  readonly platform: NodeJS.Platform;
  readonly isRoot: boolean;
  /** As `uname -r` says. */
  readonly kernel: string;
  /** Null when a folder above it lets this user see nothing. */
  readonly exists: (file: string) => boolean | null;
  /** Null when it cannot be read. */
  readonly read: (file: string) => string | null;
  /** First line of what `program --version` (or -V) says, or null when it does not run. */
  readonly version: (program: string) => string | null;
}

export function thisMachine(): Machine {
  return {
    platform: process.platform,
    isRoot: process.geteuid?.() === 0,
    kernel: os.release(),
    exists: fileExists,
    read: (file) => {
      try {
        return readFileSync(file, 'utf8');
      } catch {
        return null;
      }
    },
    version: programVersion,
  };
}

function fileExists(file: string): boolean | null {
  try {
    statSync(file);
    return true;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null;
    return code === 'EACCES' || code === 'EPERM' ? null : false;
  }
}

function programVersion(program: string): string | null {
  try {
    const flag = program === 'ss' ? '-V' : '--version';
    const output = execFileSync(program, [flag], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    const [line = ''] = output.trim().split('\n');
    const systemTap = /version ([\d.]+)/.exec(line);
    if (program === 'stap' && systemTap !== null) return `SystemTap ${systemTap[1]}`;
    return line.replace(/^ss utility, /, '');
  } catch {
    return null;
  }
}

/** Something that a method needs. */
export interface Check {
  readonly method: Method;
  readonly needs: string;
  /** Null when this user cannot tell. */
  readonly test: (machine: Machine) => boolean | null;
  /** Why it does not work without. */
  readonly reason: (machine: Machine) => string;
  readonly remedy: string;
}

const TRACEFS = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'];
const EVENTS = ['sock/sock_send_length', 'sock/sock_recv_length', 'tcp/tcp_destroy_sock'];

/** Null when this user cannot tell. */
function inTracefs(machine: Machine, name: string): boolean | null {
  const found = new Set(TRACEFS.map((folder) => machine.exists(path.join(folder, name))));
  if (found.has(true)) return true;
  return found.has(null) ? null : false;
}

function hasEvents(machine: Machine): boolean | null {
  const found = new Set(EVENTS.map((name) => inTracefs(machine, `events/${name}`)));
  if (found.has(false)) return false;
  return found.has(null) ? null : true;
}

/** Linux is locked down when the word in brackets is not `none`. */
function lockdown({ read }: Machine): string {
  return /\[(\w+)\]/.exec(read('/sys/kernel/security/lockdown') ?? '')?.[1] ?? 'none';
}

function isAtLeast({ kernel }: Machine, major: number, minor: number): boolean {
  const [, first, second] = /^(\d+)\.(\d+)/.exec(kernel) ?? [];
  return Number(first) > major || (Number(first) === major && Number(second) >= minor);
}

const DEBUG_SYMBOLS = [
  '/usr/lib/debug/boot/vmlinux-',
  '/usr/lib/debug/lib/modules/',
  '/usr/lib/debug/vmlinux-',
];

const ROOT = 'root';

const isRoot = {
  needs: ROOT,
  test: (machine: Machine) => machine.isRoot,
  reason: () => 'only root may do it',
  remedy: 'sudo pgnetflow probe …',
};

/** What each method needs, the best method first. */
export const CHECKS: readonly Check[] = [
  {
    method: 'stap',
    needs: 'the program stap',
    test: (machine) => machine.version('stap') !== null,
    reason: () => 'stap does not run',
    remedy: 'install the package systemtap',
  },
  { method: 'stap', ...isRoot },
  {
    method: 'stap',
    needs: 'loadable kernel modules',
    test: (machine) => machine.exists('/proc/modules'),
    reason: () => 'this kernel loads no modules (no /proc/modules)',
    remedy: 'a kernel with CONFIG_MODULES',
  },
  {
    method: 'stap',
    needs: 'no kernel lockdown',
    test: (machine) => lockdown(machine) === 'none',
    reason: (machine) => `the kernel is locked down (${lockdown(machine)}): it loads signed modules only`,
    remedy: 'switch Secure Boot off, or sign the module (man stap, --sign-module)',
  },
  {
    method: 'stap',
    needs: 'kprobes',
    test: ({ exists, read }) =>
      / register_kprobe$/m.test(read('/proc/kallsyms') ?? '') || exists('/sys/kernel/debug/kprobes'),
    reason: () => 'this kernel has no kprobes',
    remedy: 'a kernel with CONFIG_KPROBES',
  },
  {
    method: 'stap',
    needs: 'gcc and make',
    test: ({ version }) => version('gcc') !== null && version('make') !== null,
    reason: () => 'there is nothing to compile the script with',
    remedy: 'install gcc and make',
  },
  {
    method: 'stap',
    needs: 'headers of the running kernel',
    test: ({ exists, kernel }) => exists(`/lib/modules/${kernel}/build`),
    reason: ({ kernel }) => `there is no /lib/modules/${kernel}/build`,
    remedy: 'install linux-headers-$(uname -r)',
  },
  {
    method: 'stap',
    needs: 'debug symbols of the kernel',
    test: ({ exists, kernel }) => DEBUG_SYMBOLS.some((file) => exists(file + kernel) === true),
    reason: ({ kernel }) => `there are none of ${kernel} under /usr/lib/debug`,
    remedy: 'install linux-image-$(uname -r)-dbg (Debian) or kernel-debuginfo (Red Hat)',
  },
  {
    method: 'bpftrace',
    needs: 'the program bpftrace',
    test: (machine) => machine.version('bpftrace') !== null,
    reason: () => 'bpftrace does not run',
    remedy: 'install the package bpftrace (0.17 or later)',
  },
  { method: 'bpftrace', ...isRoot },
  {
    method: 'bpftrace',
    needs: 'Linux 6.3',
    test: (machine) => isAtLeast(machine, 6, 3),
    reason: ({ kernel }) => `Linux ${kernel} is too old: tracepoints for each send and receive came with 6.3`,
    remedy: 'a newer kernel, or --method stap or ss',
  },
  {
    method: 'bpftrace',
    needs: 'tracefs',
    test: (machine) => inTracefs(machine, 'events'),
    reason: () => 'tracefs is not mounted',
    remedy: 'mount -t tracefs tracefs /sys/kernel/tracing',
  },
  {
    method: 'bpftrace',
    needs: 'its tracepoints',
    test: hasEvents,
    reason: (machine) => {
      const missing = EVENTS.filter((name) => inTracefs(machine, `events/${name}`) === false);
      return `missing: ${missing.map((name) => name.replace('/', ':')).join(', ')}`;
    },
    remedy: 'a kernel with CONFIG_NET and CONFIG_TRACEPOINTS that has them, or --method ss',
  },
  {
    method: 'bpftrace',
    needs: 'BTF, the types of the kernel',
    test: (machine) => machine.exists('/sys/kernel/btf/vmlinux'),
    reason: () => 'there is no /sys/kernel/btf/vmlinux',
    remedy: 'a kernel with CONFIG_DEBUG_INFO_BTF',
  },
  {
    method: 'bpftrace',
    needs: 'no lockdown for confidentiality',
    test: (machine) => lockdown(machine) !== 'confidentiality',
    reason: () => 'the kernel is locked down (confidentiality): BPF may not read its memory',
    remedy: 'boot with lockdown=integrity, or --method ss',
  },
  {
    method: 'ss',
    needs: 'Linux',
    test: (machine) => machine.platform === 'linux',
    reason: (machine) => `this is ${machine.platform}`,
    remedy: 'run it where the proxy or PostgreSQL runs',
  },
  {
    method: 'ss',
    needs: 'the program ss',
    test: (machine) => machine.version('ss') !== null,
    reason: () => 'ss does not run',
    remedy: 'install the package iproute2',
  },
];

/** A check that was made. */
export interface Checked extends Pick<Check, 'method' | 'needs'> {
  readonly verdict:
    | { readonly met: true }
    | { readonly met: false; readonly reason: string; readonly remedy: string }
    /** This user cannot tell. */
    | { readonly met: null; readonly reason: string };
}

export function runChecks(machine: Machine, checks: readonly Check[] = CHECKS): Checked[] {
  return checks.map((check) => ({
    method: check.method,
    needs: check.needs,
    verdict: verdict(check, machine),
  }));
}

function verdict({ test, reason, remedy }: Check, machine: Machine): Checked['verdict'] {
  const met = test(machine);
  if (met === true) return { met };
  if (met === false) return { met, reason: reason(machine), remedy };
  return { met, reason: `cannot tell: ${machine.isRoot ? 'not even' : 'only'} root may look` };
}

/**
 * What stands in the way of a method, with what can be done. Without root that comes first, and alone: an ordinary
 * user does not see what else is lacking.
 */
export function obstacles(checked: readonly Checked[], method: Method): string[] {
  const unmet = checked.filter((one) => one.method === method && one.verdict.met !== true);
  const root = unmet.filter(({ needs }) => needs === ROOT);
  return (root.length > 0 ? root : unmet).map((one) => verdictText(one.verdict, (remedy) => ` (${remedy})`));
}

function verdictText(of: Checked['verdict'], withRemedy: (remedy: string) => string): string {
  if (of.met === true) return 'yes';
  return of.met === null ? of.reason : of.reason + withRemedy(of.remedy);
}

/** Checks as a table for people. */
export function checksText(checked: readonly Checked[]): string {
  const methodWidth = Math.max(...checked.map(({ method }) => method.length));
  const needsWidth = Math.max(...checked.map(({ needs }) => needs.length));
  return checked
    .map(({ method, needs, verdict: of }) => {
      const text = `${of.met === false ? 'no: ' : ''}${verdictText(of, (remedy) => `; ${remedy}`)}`;
      return `${method.padEnd(methodWidth)}  ${needs.padEnd(needsWidth)}  ${text}\n`;
    })
    .join('');
}
