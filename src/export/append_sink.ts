import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { type Sink, Turns, batches } from './sink.ts';
import { NON_BLOCKING, writeFully } from './write_fully.ts';

/** Readable by its owner only: query texts hold data. */
const MODE = 0o600;

const FLAGS = constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY | NON_BLOCKING;

/** A file that is appended to. */
export interface AppendSink extends Sink {
  /** Opens the path anew before the next write: whoever rotates logs has moved the file away. */
  reopen(): void;
}

/** Opens `path` for appending; rejects with the error of open(2). */
export async function openAppendSink(path: string): Promise<AppendSink> {
  const turns = new Turns();
  let file: FileHandle | null = await open(path, FLAGS, MODE);
  let stale = false;
  /** A failed write may have left half a line behind. */
  let torn = false;

  const current = async (): Promise<FileHandle> => {
    if (stale) {
      stale = false;
      await file?.close();
      file = null;
      torn = false;
    }
    file ??= await open(path, FLAGS, MODE);
    return file;
  };

  return {
    write: (pieces) =>
      turns.next(async () => {
        const handle = await current();
        const write = (bytes: Buffer): Promise<{ bytesWritten: number }> => handle.write(bytes);
        try {
          if (torn) await writeFully(write, '\n');
          torn = false;
          for (const batch of batches(pieces)) await writeFully(write, batch);
        } catch (error) {
          torn = true;
          throw error;
        }
      }),
    reopen: () => {
      stale = true;
    },
    close: () =>
      turns.next(async () => {
        await file?.close();
        file = null;
      }),
  };
}
