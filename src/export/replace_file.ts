import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, realpath, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { batches } from './sink.ts';
import { NON_BLOCKING, writeFully } from './write_fully.ts';

/** Readable by its owner only: query texts hold data. A file that is replaced keeps its own mode. */
const MODE = 0o600;

/**
 * Writes a file whole or not at all: to a temporary file beside it, synced, then renamed over it. A symbolic link is
 * followed. What is no regular file (a FIFO, /dev/stderr) is written to directly, for a rename would replace it.
 *
 * @throws the error of the file system; the old file is then as it was
 */
export async function replaceFile(file: string, pieces: Iterable<string>): Promise<void> {
  const target = await realpath(file).catch(() => file);
  const existing = await stat(target).catch(() => null);
  if (existing !== null && !existing.isFile() && !existing.isDirectory()) {
    await writeOnce(await open(target, constants.O_WRONLY | NON_BLOCKING), pieces, false);
    return;
  }
  const temporary = path.join(
    path.dirname(target),
    `.${path.basename(target)}.${randomBytes(6).toString('hex')}.tmp`,
  );
  try {
    await writeOnce(
      await open(temporary, 'wx', existing === null ? MODE : existing.mode & 0o777),
      pieces,
      true,
    );
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
}

async function writeOnce(file: FileHandle, pieces: Iterable<string>, sync: boolean): Promise<void> {
  try {
    for (const batch of batches(pieces)) await writeFully((bytes) => file.write(bytes), batch);
    if (sync) await file.sync();
  } finally {
    await file.close();
  }
}
