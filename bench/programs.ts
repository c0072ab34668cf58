import { execFileSync } from 'node:child_process';
import { accessSync, constants, readdirSync } from 'node:fs';
import path from 'node:path';

/** Where Debian keeps what it does not put on the PATH. */
const DEBIAN_DIRECTORIES = ['/usr/sbin', ...debianPostgres()];

/** Path of an installed program; null when there is none of this name. */
export function findProgram(name: string): string | null {
  const directories = (process.env['PATH'] ?? '').split(path.delimiter);
  for (const directory of [...directories, ...DEBIAN_DIRECTORIES]) {
    const program = path.join(directory, name);
    if (isExecutable(program)) return program;
  }
  return null;
}

/** First version number in the first line that a program prints about itself. */
export function programVersion(program: string, flag = '--version'): string {
  const printed = execFileSync(program, [flag], { encoding: 'utf8' });
  return /\d+(\.\d+)+/.exec(printed)?.[0] ?? printed.trim();
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Newest first. */
function debianPostgres(): string[] {
  try {
    const versions = readdirSync('/usr/lib/postgresql').toSorted((one, other) => Number(other) - Number(one));
    return versions.map((version) => `/usr/lib/postgresql/${version}/bin`);
  } catch {
    return [];
  }
}
