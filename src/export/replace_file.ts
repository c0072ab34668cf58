import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, readlink, realpath, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { batches } from './sink.ts';
import { NON_BLOCKING, writeFully } from './write_fully.ts';

/** Readable by its owner only: query texts hold data. */
const MODE = 0o600;

/** What is written when a path is named. */
export interface Target {
  /** Behind all symbolic links, if it is to be replaced. */
  readonly path: string;
  /** What is there; null when nothing is. */
  readonly existing: Stats | null;
  /** It is a regular file, or is to be one. */
  readonly isReplaced: boolean;
}

/** Rejects with the error of the file system when that cannot be told. */
export async function findTarget(file: string): Promise<Target> {
  const existing = await missingIsNull(stat(file));
  if (existing === null) return { path: await destination(file), existing, isReplaced: true };
  // Not behind the links of /proc, which /dev/stderr is one of.
  if (!existing.isFile()) return { path: file, existing, isReplaced: false };
  return { path: await realpath(file), existing, isReplaced: true };
}

/**
 * Writes a file whole or not at all: to a temporary file beside it, synced, then renamed over it. A symbolic link is
 * followed, even to where there is no file yet. A file that is replaced keeps its mode, and its owner and group as far
 * as this user may give files away. What is no regular file (a FIFO, /dev/stderr) is written to directly, for a rename
 * would replace it.
 *
 * @throws the error of the file system; the old file is then as it was
 */
export async function replaceFile(file: string, pieces: Iterable<string>): Promise<void> {
  const { path: target, existing, isReplaced } = await findTarget(file);
  if (!isReplaced) {
    await writeOnce(await open(target, constants.O_WRONLY | NON_BLOCKING), pieces);
    return;
  }
  const temporary = path.join(
    path.dirname(target),
    `.${path.basename(target)}.${randomBytes(6).toString('hex')}.tmp`,
  );
  try {
    await writeOnce(await open(temporary, 'wx', MODE), pieces, async (made) => {
      if (existing !== null) await becomeLike(made, existing);
      await made.sync();
    });
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** Where a file is made when there is none: behind links that lead nowhere yet. */
async function destination(file: string): Promise<string> {
  const link = await readlink(file).catch(() => null);
  if (link === null) return file;
  return destination(path.resolve(await realpath(path.dirname(file)), link));
}

async function missingIsNull<T>(found: Promise<T>): Promise<T | null> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

async function becomeLike(file: FileHandle, { uid, gid, mode }: Stats): Promise<void> {
  const own = await file.stat();
  if (own.uid !== uid || own.gid !== gid) {
    // Only root may give files away; others may keep a group that they are in.
    await file
      .chown(uid, gid)
      .catch(() => file.chown(own.uid, gid))
      .catch(() => undefined);
  }
  await file.chmod(mode & 0o777);
}

async function writeOnce(
  file: FileHandle,
  pieces: Iterable<string>,
  finish?: (file: FileHandle) => Promise<void>,
): Promise<void> {
  try {
    for (const batch of batches(pieces)) await writeFully((bytes) => file.write(bytes), batch);
    await finish?.(file);
  } finally {
    await file.close();
  }
}
