import { readFileSync } from 'node:fs';

/** Of the files: what does not grow with the sessions, refused clients and cancel requests on their way. */
const OTHER_FILES = 250;
const FILES_PER_SESSION = 2;

/** Sessions for which so many open files are enough. */
export function sessionsWithin(files: number): number {
  return Math.max(1, Math.floor((files - Math.min(OTHER_FILES, files / 2)) / FILES_PER_SESSION));
}

/** Files that this process may open; Node has raised the soft limit to the hard one. Infinity where it is not known. */
export function openFilesLimit(): number {
  try {
    const found = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
    return found === null ? Infinity : Number(found[1]);
  } catch {
    // No Linux.
    return Infinity;
  }
}
