/** Names of the signals of Linux on x86_64 and arm64 by number, 1 to 31 (signal(7)). */
const NAMES = (
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG ' +
  'XCPU XFSZ VTALRM PROF WINCH IO PWR SYS'
).split(' ');

/** The signals of a process, by name without `SIG`; real-time ones are `RT34` to `RT64`. */
export interface Signals {
  /** Sent and not delivered yet, to the process or to its thread. */
  readonly pending: readonly string[];
  readonly blocked: readonly string[];
  readonly ignored: readonly string[];
  /** Those with a handler. */
  readonly caught: readonly string[];
}

/** @param mask as `/proc/PID/status` has it: 16 hexadecimal digits, signal 1 is the lowest bit */
export function signalNames(mask: string): string[] {
  const bits = BigInt(`0x${mask}`);
  const names: string[] = [];
  for (let number = 1; number <= 64; number += 1) {
    if ((bits >> BigInt(number - 1)) & 1n) names.push(NAMES[number - 1] ?? `RT${number}`);
  }
  return names;
}

/** How PostgreSQL asks a backend to cancel its statement, and to end (postgres.c). */
const REQUESTS = ['INT', 'TERM'];

/** Requests to cancel or to end that were sent, and that the process has not taken. */
export function pendingRequests({ pending }: Signals): string[] {
  return REQUESTS.filter((name) => pending.includes(name));
}

/** Those of them that it will not take before it unblocks them. */
export function blockedRequests(signals: Signals): string[] {
  return pendingRequests(signals).filter((name) => signals.blocked.includes(name));
}
