import { existsSync } from 'node:fs';
import path from 'node:path';
import { describeError } from './describe_error.ts';

/** What an error of opening a file to write says to the user: why, and what to do. */
export function unwritable(file: string, cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : null;
  const folder = path.dirname(path.resolve(file));
  switch (code) {
    case 'ENOENT':
      return existsSync(folder)
        ? 'it is a link to where there is no directory; make that, or name another file'
        : `there is no directory ${folder}; make it, or name another file`;
    case 'ENOTDIR':
      return `${folder} is no directory; name another file`;
    case 'EISDIR':
      return 'it is a directory; name a file in it';
    case 'ENXIO':
      return 'nobody reads this FIFO; start its reader first';
    case 'EACCES':
    case 'EPERM':
      return `this user may not write to it, or not make files in ${folder}; ask the owner, or name another file`;
    case 'EROFS':
      return 'its file system is read-only; name a file elsewhere';
    default:
      return describeError(cause);
  }
}
