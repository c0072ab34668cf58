import type { Check } from './checks.ts';
import { BTF, type Machine, hasFunction, inTracefs, readTracefs } from './machine.ts';
import type { Events } from './record.ts';

/** How bpftrace can learn of each send and receive, the best first. */
export const EVENTS: readonly Events[] = ['tracepoints', 'fentry', 'kprobes'];

const TRACEPOINTS = ['sock_send_length', 'sock_recv_length'];
const FUNCTIONS = ['tcp_sendmsg', 'tcp_recvmsg'];
const FUNCTION_LIST = 'available_filter_functions';

/** What each of them needs. */
export const EVENT_CHECKS: readonly Check[] = [
  {
    method: 'bpftrace',
    events: 'tracepoints',
    needs: 'sends and receives',
    test: (machine) => allOf(TRACEPOINTS.map((name) => inTracefs(machine, `events/sock/${name}`))),
    reason: (machine) => {
      const missing = TRACEPOINTS.filter((name) => inTracefs(machine, `events/sock/${name}`) === false);
      return `Linux ${machine.kernel} lacks ${missing.map((name) => `sock:${name}`).join(', ')}`;
    },
    remedy: 'Linux 6.3 or later',
  },
  {
    method: 'bpftrace',
    events: 'fentry',
    needs: 'functions call BPF programs',
    // Tells it whatever the processor, and whatever a vendor has added to an old kernel.
    test: (machine) => hasFunction(machine, 'register_ftrace_direct'),
    reason: () => 'those of this kernel cannot',
    remedy: 'CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS: Linux 5.5 or later on x86, 6.4 on arm64',
  },
  {
    method: 'bpftrace',
    events: 'fentry',
    needs: 'list of functions',
    test: hasFunctionList,
    reason: (machine) => {
      const list = readTracefs(machine, FUNCTION_LIST);
      if (list !== null) return `${FUNCTION_LIST} lacks ${FUNCTIONS.join(' or ')}`;
      const found = inTracefs(machine, FUNCTION_LIST) === true;
      return `${FUNCTION_LIST} ${found ? 'cannot be read, not even by root' : 'is not there'}`;
    },
    remedy: 'a kernel with CONFIG_FUNCTION_TRACER whose functions may be traced',
  },
  {
    method: 'bpftrace',
    events: 'kprobes',
    needs: 'in the kernel',
    test: (machine) => hasFunction(machine, 'register_kprobe'),
    reason: () => 'this kernel has no kprobes',
    remedy: 'a kernel with CONFIG_KPROBES',
  },
  {
    method: 'bpftrace',
    events: 'kprobes',
    needs: 'as events',
    test: (machine) =>
      machine.exists('/sys/bus/event_source/devices/kprobe') || inTracefs(machine, 'kprobe_events'),
    reason: () => 'this kernel has no events of kprobes',
    remedy: 'a kernel with CONFIG_KPROBE_EVENTS',
  },
  {
    method: 'bpftrace',
    events: 'kprobes',
    needs: 'arguments of tcp_recvmsg',
    test: (machine) => flagsPlace(machine) !== null,
    reason: () => `${BTF} does not tell them`,
    remedy: '--method stap or ss',
  },
];

function hasFunctionList(machine: Machine): boolean | null {
  const list = readTracefs(machine, FUNCTION_LIST);
  if (list !== null) return FUNCTIONS.every((name) => new RegExp(`^${name}\\b`, 'm').test(list));
  return machine.isRoot || inTracefs(machine, FUNCTION_LIST) === false ? false : null;
}

/** Of what a user sees or, when null, cannot tell. */
function allOf(found: readonly (boolean | null)[]): boolean | null {
  if (found.includes(false)) return false;
  return found.includes(null) ? null : true;
}

/**
 * Where tcp_recvmsg has its argument `flags`, from 0: that has changed with Linux 5.19 and in older kernels of vendors.
 * Null when the types of the kernel do not tell.
 */
export function flagsPlace(machine: Machine): number | null {
  const place = machine.argumentsOf('tcp_recvmsg')?.indexOf('flags') ?? -1;
  return place === -1 ? null : place;
}
