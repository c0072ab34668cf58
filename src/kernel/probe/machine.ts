import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { argumentsIn } from './btf.ts';

/** The types of the running kernel. */
export const BTF = '/sys/kernel/btf/vmlinux';

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
  /** Names of the arguments of a function of the kernel; null when its types do not tell. */
  readonly argumentsOf: (name: string) => readonly string[] | null;
  /** First line of what `program --version` (or -V) says, or null when it does not run. */
  readonly version: (program: string) => string | null;
}

export function thisMachine(): Machine {
  return {
    platform: process.platform,
    isRoot: process.geteuid?.() === 0,
    kernel: os.release(),
    exists: fileExists,
    read: remembered(readText),
    argumentsOf: remembered(argumentsOf),
    version: programVersion,
  };
}

/** The kernel takes tens of milliseconds to list its functions, each time. */
function remembered<T>(look: (name: string) => T): (name: string) => T {
  const seen = new Map<string, { readonly value: T }>();
  return (name) => {
    const known = seen.get(name) ?? { value: look(name) };
    seen.set(name, known);
    return known.value;
  };
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

function argumentsOf(name: string): readonly string[] | null {
  try {
    return argumentsIn(readFileSync(BTF), name);
  } catch {
    return null;
  }
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

const TRACEFS = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'];

/** Null when this user cannot tell. */
export function inTracefs(machine: Machine, name: string): boolean | null {
  const found = new Set(TRACEFS.map((folder) => machine.exists(path.join(folder, name))));
  if (found.has(true)) return true;
  return found.has(null) ? null : false;
}

/** Null when it cannot be read. */
export function readTracefs(machine: Machine, name: string): string | null {
  for (const folder of TRACEFS) {
    const text = machine.read(path.join(folder, name));
    if (text !== null) return text;
  }
  return null;
}

/** Whether the kernel was built with a function; null when this user cannot tell. */
export function hasFunction({ read }: Machine, name: string): boolean | null {
  const symbols = read('/proc/kallsyms');
  return symbols === null ? null : new RegExp(` ${name}$`, 'm').test(symbols);
}
