import { execFileSync } from 'node:child_process';
import os from 'node:os';
import type { PostgresServer } from '../src/embedded/postgres.ts';
import { findProgram, programVersion } from './programs.ts';

/** Where and with what was measured: what one must know to compare two runs. */
export interface Environment {
  readonly date: string;
  /** Short hash, with `+` when the work tree differed from it; null outside of git. */
  readonly commit: string | null;
  readonly cpus: number;
  readonly cpuModel: string;
  readonly kernel: string;
  /** Load average of the last minute before the start: well above 0, and others were at work. */
  readonly load: number;
  readonly node: string;
  readonly postgres: string;
  readonly pgbench: string | null;
  readonly openssl: string | null;
}

export function readEnvironment(server: PostgresServer): Environment {
  const version = (name: string, flag?: string): string | null => {
    const program = findProgram(name);
    return program === null ? null : programVersion(program, flag);
  };
  const cpus = os.cpus();
  return {
    date: new Date().toISOString(),
    commit: commit(),
    cpus: os.availableParallelism(),
    cpuModel: cpus[0]?.model.trim() ?? 'unknown',
    kernel: `${os.type()} ${os.release()}`,
    load: os.loadavg()[0] ?? 0,
    node: process.versions.node,
    postgres: server.version,
    pgbench: version('pgbench'),
    openssl: version('openssl', 'version'),
  };
}

function commit(): string | null {
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    const changed = git('status', '--porcelain', '--untracked-files=no') !== '';
    return `${git('rev-parse', '--short', 'HEAD')}${changed ? '+' : ''}`;
  } catch {
    return null;
  }
}
