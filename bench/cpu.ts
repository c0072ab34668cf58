import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks per second in /proc; null where there is no /proc. */
const TICKS_PER_SECOND = ticksPerSecond();

/** Positions in /proc/PID/stat behind the command's closing parenthesis (proc(5) counts from 1 and from the pid). */
const STAT = { parent: 1, user: 11, system: 12, childrenUser: 13, childrenSystem: 14 } as const;

/**
 * CPU seconds that a process, its descendants, and its children that have ended have used, user and system time. Null
 * where there is no /proc.
 */
export function treeCpuSeconds(pid: number): number | null {
  if (TICKS_PER_SECOND === null) return null;
  const processes = new Map(allPids().map((each) => [each, stat(each)]));
  const isInTree = (each: number): boolean => {
    for (let at = each; at > 1; at = processes.get(at)?.[STAT.parent] ?? 0) if (at === pid) return true;
    return false;
  };
  let seconds = 0;
  for (const [each, fields] of processes) {
    if (fields === null || !isInTree(each)) continue;
    seconds += scheduledSeconds(each) ?? (fields[STAT.user]! + fields[STAT.system]!) / TICKS_PER_SECOND;
  }
  const own = processes.get(pid);
  const ended = own === null || own === undefined ? 0 : own[STAT.childrenUser]! + own[STAT.childrenSystem]!;
  return seconds + ended / TICKS_PER_SECOND;
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

/**
 * The same of one process and its threads in nanoseconds, from the scheduler: a tick is 10 ms, as long as a proxy needs
 * for 10 MB. Null where the kernel does not tell (it needs CONFIG_SCHED_INFO), and for a process that is gone.
 */
function scheduledSeconds(pid: number): number | null {
  try {
    let nanoseconds = 0;
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      nanoseconds += Number.parseInt(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1'), 10);
    }
    return nanoseconds / 1e9;
  } catch {
    return null;
  }
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
