import { type Signals, signalNames } from './signals.ts';

/** USER_HZ, which is the same on all the machines that PostgreSQL runs on Linux on (time(7)). */
export const TICKS_PER_SECOND = 100;

/** `/proc/PID/stat`, as far as it is needed (proc_pid_stat(5)). */
export interface ProcessStat {
  /** The executable's name, cut to 15 characters. */
  readonly name: string;
  /** One letter: R, S, D, T, t, Z, X, I. */
  readonly state: string;
  /** Clock ticks of CPU in its own code and in the kernel. */
  readonly userTicks: number;
  readonly systemTicks: number;
  /** Clock ticks between the start of the system and its own. */
  readonly startTicks: number;
}

/** `/proc/PID/status`, as far as it is needed (proc_pid_status(5)). */
export interface ProcessStatus {
  /** 0 when nobody traces it. */
  readonly tracerPid: number;
  readonly signals: Signals;
  readonly voluntarySwitches: number;
  readonly involuntarySwitches: number;
}

/** @returns null when the text is not what Linux writes */
export function parseStat(text: string): ProcessStat | null {
  // The name may hold anything, parentheses and blanks included: it ends at the last parenthesis.
  const from = text.indexOf('(');
  const to = text.lastIndexOf(')');
  if (from < 0 || to < from) return null;
  const fields = text
    .slice(to + 1)
    .trim()
    .split(/\s+/);
  // Fields are numbered from 1, and the first behind the name is the third.
  const number = (field: number): number => Number(fields[field - 3]);
  const [state] = fields;
  if (state === undefined || !/^[A-Za-z]$/.test(state) || !Number.isInteger(number(22))) return null;
  return {
    name: text.slice(from + 1, to),
    state,
    userTicks: number(14),
    systemTicks: number(15),
    startTicks: number(22),
  };
}

/** @returns null when the text is not what Linux writes */
export function parseStatus(text: string): ProcessStatus | null {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  const names = (field: string): string[] | null => {
    const mask = fields.get(field);
    return mask !== undefined && /^[\da-f]+$/i.test(mask) ? signalNames(mask) : null;
  };
  const [own, shared, blocked] = [names('SigPnd'), names('ShdPnd'), names('SigBlk')];
  const [ignored, caught] = [names('SigIgn'), names('SigCgt')];
  if (own === null || shared === null || blocked === null || ignored === null || caught === null) return null;
  return {
    tracerPid: Number(fields.get('TracerPid') ?? 0),
    signals: { pending: [...new Set([...own, ...shared])], blocked, ignored, caught },
    voluntarySwitches: Number(fields.get('voluntary_ctxt_switches') ?? 0),
    involuntarySwitches: Number(fields.get('nonvoluntary_ctxt_switches') ?? 0),
  };
}

/** What the letters of {@link ProcessStat} mean, as ps(1) has them. */
export const STATE_NAMES: Readonly<Record<string, string>> = {
  R: 'running or runnable',
  S: 'sleeping',
  D: 'in uninterruptible sleep',
  T: 'stopped',
  t: 'stopped by a tracer',
  Z: 'a zombie',
  X: 'dead',
  I: 'an idle kernel thread',
};
