import { readlinkSync } from 'node:fs';
import { ProbeError } from './probe_error.ts';
import type { Method } from './record.ts';

/** The namespace of the host's own numbers (PROC_PID_INIT_INO in the kernel's proc_ns.h). */
const HOST_NAMESPACE = 'pid:[4026531836]';

/**
 * Whoever counts the sockets of a process that does not exist counts nothing and never learns why.
 *
 * @throws {ProbeError} `PROBE_NO_PROCESS`
 */
export function requireProcess(pid: number, method: Method): void {
  // In a container ss looks for the container's numbers, the kernel's own tools for the host's, which cannot be seen.
  if (method !== 'ss' && !seesHostNumbers()) return;
  if (!exists(pid)) throw new ProbeError('PROBE_NO_PROCESS', `--pid: there is no process ${pid}`);
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is somebody else's.
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}

function seesHostNumbers(): boolean {
  try {
    return readlinkSync('/proc/self/ns/pid') === HOST_NAMESPACE;
  } catch {
    return false;
  }
}
