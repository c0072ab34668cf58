import { readFile, symlink } from 'node:fs/promises';
import path from 'node:path';
import { errorCode } from './error.ts';

/** What a file system answers when we may not write there. */
const READ_ONLY = new Set(['EACCES', 'EPERM', 'EROFS']);

/**
 * Makes the symbolic links of the package's shared libraries (`libpq.so.5` → `libpq.so.5.18`). npm packages cannot
 * hold links; this one makes them in an install script, which `npm ci --ignore-scripts` never runs.
 *
 * Leaves existing links alone, and does nothing where the package is not writable.
 */
export async function linkLibraries(packageRoot: string): Promise<void> {
  const list = await readFile(path.join(packageRoot, 'native', 'pg-symlinks.json'), 'utf8');
  const links: { source: string; target: string }[] = JSON.parse(list);
  for (const { source, target } of links) {
    try {
      await symlink(path.relative(path.dirname(target), source), path.join(packageRoot, target));
    } catch (error) {
      const code = errorCode(error);
      if (READ_ONLY.has(code)) return;
      if (code !== 'EEXIST') throw error;
    }
  }
}
