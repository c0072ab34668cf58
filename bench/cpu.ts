import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks per second in /proc; null where there is no /proc. */
const TICKS_PER_SECOND = ticksPerSecond();

/** Positions in /proc/PID/stat behind the command's closing parenthesis (proc(5) counts from 1 and from the pid). */
const STAT = { parent: 1, user: 11, system: 12, childrenUser: 13, childrenSystem: 14 } as const;

/**
 * CPU seconds that a process and all its descendants have used, user and system time, in steps of a clock tick
 * (10 ms). Null where there is no /proc.
 */
export function treeCpuSeconds(pid: number): number | null {
  if (TICKS_PER_SECOND === null) return null;
  const processes = new Map(allPids().map((each) => [each, stat(each)]));
  const isInTree = (each: number): boolean => {
    for (let at = each; at > 1; at = processes.get(at)?.[STAT.parent] ?? 0) if (at === pid) return true;
    return false;
  };
  let ticks = 0;
  for (const [each, fields] of processes) {
    if (fields !== null && isInTree(each)) ticks += fields[STAT.user]! + fields[STAT.system]!;
  }
  return ticks / TICKS_PER_SECOND;
}

/** CPU seconds of all our own child processes that have ended; 0 where there is no /proc. */
export function endedChildrenCpuSeconds(): number {
  const fields = stat(process.pid);
  if (TICKS_PER_SECOND === null || fields === null) return 0;
  return (fields[STAT.childrenUser]! + fields[STAT.childrenSystem]!) / TICKS_PER_SECOND;
}

/** CPU seconds of this process. */
export function ownCpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function allPids(): number[] {
  return readdirSync('/proc').map(Number).filter(Number.isInteger);
}

/** @returns null for a process that is gone */
function stat(pid: number): number[] | null {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return line
      .slice(line.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
  } catch {
    return null;
  }
}

function ticksPerSecond(): number | null {
  if (process.platform !== 'linux') return null;
  return Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
}
