import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

/** Programs of kprobes and of fentry, as the kernel numbers its types of programs (include/uapi/linux/bpf.h). */
const TYPES: ReadonlySet<string> = new Set(['2', '26']);

/**
 * How often the kernel has not run a program of this process, since the program began, because the CPU was in the middle of
 * the same one: where a kernel preempts itself, another thread may come along then. Linux counts that since 5.12.
 */
export function missedCalls(pid: number): number {
  const folder = `/proc/${pid}/fdinfo`;
  try {
    return readdirSync(folder).reduce((sum, name) => sum + missedIn(read(path.join(folder, name))), 0);
  } catch {
    // It has ended.
    return 0;
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // Closed meanwhile.
    return '';
  }
}

/** @param fdinfo what the kernel says of one open file */
export function missedIn(fdinfo: string): number {
  const field = (name: string): string | undefined =>
    new RegExp(`^${name}:\\s*(\\d+)$`, 'm').exec(fdinfo)?.[1];
  return TYPES.has(field('prog_type') ?? '') ? Number(field('recursion_misses') ?? 0) : 0;
}
