import { EVENTS, EVENT_CHECKS } from './events.ts';
import { BTF, type Machine, hasFunction, inTracefs } from './machine.ts';
import type { Events, Method } from './record.ts';

/** Something that a method needs. */
export interface Check {
  readonly method: Method;
  /** It is needed for one kind of events only, and one of these kinds is enough. */
  readonly events?: Events;
  readonly needs: string;
  /** Null when this user cannot tell. */
  readonly test: (machine: Machine) => boolean | null;
  /** Why it does not work without. */
  readonly reason: (machine: Machine) => string;
  readonly remedy: string;
}

/** Linux is locked down when the word in brackets is not `none`. */
function lockdown({ read }: Machine): string {
  return /\[(\w+)\]/.exec(read('/sys/kernel/security/lockdown') ?? '')?.[1] ?? 'none';
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
    test: (machine) =>
      hasFunction(machine, 'register_kprobe') === true || machine.exists('/sys/kernel/debug/kprobes'),
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
    needs: 'tracefs',
    test: (machine) => inTracefs(machine, 'events'),
    reason: () => 'tracefs is not mounted',
    remedy: 'mount -t tracefs tracefs /sys/kernel/tracing',
  },
  {
    method: 'bpftrace',
    needs: "the tracepoint of a socket's end",
    test: (machine) => inTracefs(machine, 'events/tcp/tcp_destroy_sock'),
    reason: () => 'missing: tcp:tcp_destroy_sock',
    remedy: 'Linux 4.16 or later with CONFIG_TRACEPOINTS, or --method ss',
  },
  {
    method: 'bpftrace',
    needs: 'BTF, the types of the kernel',
    test: (machine) => machine.exists(BTF),
    reason: () => `there is no ${BTF}`,
    remedy: 'a kernel with CONFIG_DEBUG_INFO_BTF',
  },
  {
    method: 'bpftrace',
    needs: 'no lockdown for confidentiality',
    test: (machine) => lockdown(machine) !== 'confidentiality',
    reason: () => 'the kernel is locked down (confidentiality): BPF may not read its memory',
    remedy: 'boot with lockdown=integrity, or --method ss',
  },
  ...EVENT_CHECKS,
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
export interface Checked extends Pick<Check, 'method' | 'events' | 'needs'> {
  readonly verdict:
    | { readonly met: true }
    | { readonly met: false; readonly reason: string; readonly remedy: string }
    /** This user cannot tell. */
    | { readonly met: null; readonly reason: string };
}

export function runChecks(machine: Machine, checks: readonly Check[] = CHECKS): Checked[] {
  return checks.map((check) => ({
    method: check.method,
    ...(check.events !== undefined && { events: check.events }),
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
  if (root.length > 0) return root.map(remedyText);
  const common = unmet.filter(({ events }) => events === undefined).map(remedyText);
  if (method !== 'bpftrace' || usableEvents(checked).length > 0) return common;
  return [...common, ...EVENTS.flatMap((events) => eventObstacles(checked, events))];
}

/** What stands in the way of one kind of events. */
export function eventObstacles(checked: readonly Checked[], events: Events): string[] {
  const unmet = checked.filter((one) => one.events === events && one.verdict.met !== true);
  return unmet.map((one) => `${events}: ${one.needs}: ${remedyText(one)}`);
}

/** The kinds of events that have all they need, the best first. */
export function usableEvents(checked: readonly Checked[]): Events[] {
  return EVENTS.filter((events) => eventObstacles(checked, events).length === 0);
}

function remedyText({ verdict: of }: Checked): string {
  return verdictText(of, (remedy) => ` (${remedy})`);
}

function verdictText(of: Checked['verdict'], withRemedy: (remedy: string) => string): string {
  if (of.met === true) return 'yes';
  return of.met === null ? of.reason : of.reason + withRemedy(of.remedy);
}

/** Checks as a table for people, with the kind of events that bpftrace takes. */
export function checksText(checked: readonly Checked[]): string {
  const rows = checked.map(({ method, events, needs, verdict: of }) => ({
    method,
    what: events === undefined ? needs : `${events}: ${needs}`,
    text: `${of.met === false ? 'no: ' : ''}${verdictText(of, (remedy) => `; ${remedy}`)}`,
  }));
  const [taken] = usableEvents(checked);
  const last = rows.findLastIndex(({ method }) => method === 'bpftrace');
  if (taken !== undefined)
    rows.splice(last + 1, 0, { method: 'bpftrace', what: 'what it counts by', text: taken });
  const methodWidth = Math.max(...rows.map(({ method }) => method.length));
  const whatWidth = Math.max(...rows.map(({ what }) => what.length));
  return rows
    .map(({ method, what, text }) => `${method.padEnd(methodWidth)}  ${what.padEnd(whatWidth)}  ${text}\n`)
    .join('');
}
