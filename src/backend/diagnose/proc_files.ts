import { readdir, readFile, readlink } from 'node:fs/promises';
import { type Fact, absent, known } from './fact.ts';

/** The files of one process under /proc, each read when asked for. */
export class ProcFiles {
  readonly pid: number;

  constructor(pid: number) {
    this.pid = pid;
  }

  text(name: string): Promise<Fact<string>> {
    return attempt(name, () => readFile(`/proc/${this.pid}/${name}`, 'utf8'));
  }

  link(name: string): Promise<Fact<string>> {
    return attempt(name, () => readlink(`/proc/${this.pid}/${name}`));
  }

  list(name: string): Promise<Fact<string[]>> {
    return attempt(name, () => readdir(`/proc/${this.pid}/${name}`));
  }
}

async function attempt<T>(name: string, read: () => Promise<T>): Promise<Fact<T>> {
  try {
    return known(await read());
  } catch (error) {
    return absent(`/proc/PID/${name}: ${explain(error)}`);
  }
}

const EXPLANATIONS: Readonly<Record<string, string>> = {
  EACCES: "not permitted to this user (root may, and as a rule the server's user)",
  EPERM: "not permitted to this user (root may, and as a rule the server's user)",
  ENOENT: 'not there: the process has ended, or the kernel has no such file',
  ESRCH: 'the process has ended',
};

function explain(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return EXPLANATIONS[code] ?? (error instanceof Error ? error.message : String(error));
}
