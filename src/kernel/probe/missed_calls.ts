import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

// The kernel's numbers of the types of programs (include/uapi/linux/bpf.h).
const TRACEPOINT = 5;
/** Of kprobes, and of fentry. */
const FUNCTION: ReadonlySet<number> = new Set([2, 26]);

interface Program {
  readonly id: number;
  readonly type: number;
  readonly misses: number;
  /** How long it is. */
  readonly instructions: number;
}

/**
 * How often the kernel has not run a program of this process for a send or receive, since the program began, because the
 * CPU was in the middle of one: where a kernel preempts itself, another thread may come along then. Linux counts that
 * since 5.12.
 */
export function missedCalls(pid: number): number {
  const folder = `/proc/${pid}/fdinfo`;
  try {
    return missedIn(readdirSync(folder).map((name) => read(path.join(folder, name))));
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

/** @param fdinfos what the kernel says of each open file of a bpftrace that runs one of the scripts */
export function missedIn(fdinfos: readonly string[]): number {
  // Links name programs as well, but have no type of a program.
  const found = fdinfos.map(parseProgram).filter(({ type }) => type !== 0);
  const programs = [...new Map(found.map((program) => [program.id, program])).values()];
  // The shortest one tells the end of a socket; that it was missed shows, for there is no `close`.
  const tracepoints = programs
    .filter(({ type }) => type === TRACEPOINT)
    .toSorted((a, b) => b.instructions - a.instructions)
    .slice(0, -1);
  const functions = programs.filter(({ type }) => FUNCTION.has(type));
  return [...tracepoints, ...functions].reduce((sum, { misses }) => sum + misses, 0);
}

function parseProgram(fdinfo: string): Program {
  const field = (name: string): number =>
    Number(new RegExp(`^${name}:\\s*(\\d+)$`, 'm').exec(fdinfo)?.[1] ?? 0);
  return {
    id: field('prog_id'),
    type: field('prog_type'),
    misses: field('recursion_misses'),
    instructions: field('verified_insns'),
  };
}
