import { chown, constants, copyFile, mkdir, readdir, readlink, symlink } from 'node:fs/promises';
import path from 'node:path';
import type { Identity } from './identity.ts';

/**
 * Copies the directory `from` to the new directory `to` and gives the copy to `owner`, each directory before
 * anything is put into it: so its owner can remove the copy even when we are killed half-way.
 */
export async function copyFor(owner: Identity, from: string, to: string): Promise<void> {
  await mkdir(to);
  await give(owner, to);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = path.join(from, entry.name);
    const target = path.join(to, entry.name);
    if (entry.isDirectory()) await copyFor(owner, source, target);
    else if (entry.isSymbolicLink()) await symlink(await readlink(source), target);
    else {
      await copyFile(source, target, constants.COPYFILE_FICLONE);
      await give(owner, target);
    }
  }
}

/** Changes the owner of a file, unless `owner` is the current user anyway. */
export async function give(owner: Identity, file: string): Promise<void> {
  if (owner.uid !== undefined) await chown(file, owner.uid, owner.gid);
}
