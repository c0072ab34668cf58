import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { type Sink, Turns, batches } from './sink.ts';
import { NON_BLOCKING, writeFully } from './write_fully.ts';

/** Readable by its owner only: query texts hold data. */
const MODE = 0o600;

const FLAGS = constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY | NON_BLOCKING;

/** Characters that are written at once: as many as lines may gather in one turn of a busy event loop. */
const BATCH = 1024 * 1024;

const LINE_FEED = 0x0a;

/** A file of lines that is appended to; what is written begins on a line of its own, whatever was left behind. */
export interface AppendSink extends Sink {
  /** Opens the path anew before the next write: whoever rotates logs has moved the file away. */
  reopen(): void;
}

interface OpenFile {
  readonly handle: FileHandle;
  /** It ends with half a line. */
  torn: boolean;
}

/** Opens `path` for appending; rejects with the error of open(2). */
export async function openAppendSink(path: string): Promise<AppendSink> {
  const turns = new Turns();
  let file: OpenFile | null = await openFile(path);
  let stale = false;
  let written = 0;

  const current = async (): Promise<OpenFile> => {
    if (stale) {
      stale = false;
      const old = file;
      file = null;
      await old?.handle.close();
    }
    file ??= await openFile(path);
    return file;
  };

  return {
    get written() {
      return written;
    },
    write: (pieces) =>
      turns.next(async () => {
        const target = await current();
        const write = async (bytes: Buffer): Promise<{ bytesWritten: number }> => {
          const { bytesWritten } = await append(target, bytes);
          written += bytesWritten;
          return { bytesWritten };
        };
        if (target.torn) await writeFully(write, '\n');
        for (const batch of batches(pieces, BATCH)) await writeFully(write, batch);
      }),
    reopen: () => {
      stale = true;
      // At once, so that nothing holds the old file; the next write tells what is wrong with the new one.
      void turns.next(current).catch(() => undefined);
    },
    close: () =>
      turns.next(async () => {
        await file?.handle.close();
        file = null;
      }),
  };
}

async function append(file: OpenFile, bytes: Buffer): Promise<{ bytesWritten: number }> {
  const written = await file.handle.write(bytes);
  if (written.bytesWritten > 0) file.torn = bytes[written.bytesWritten - 1] !== LINE_FEED;
  return written;
}

async function openFile(path: string): Promise<OpenFile> {
  const handle = await open(path, FLAGS, MODE);
  return { handle, torn: await endsWithHalfLine(path, handle) };
}

/** Whoever wrote last may have been killed, or stopped by a full disk. */
async function endsWithHalfLine(path: string, handle: FileHandle): Promise<boolean> {
  const { size } = await handle.stat();
  if (size === 0) return false;
  let reader: FileHandle | null = null;
  try {
    reader = await open(path, constants.O_RDONLY | NON_BLOCKING);
    const { bytesRead, buffer } = await reader.read(Buffer.alloc(1), 0, 1, size - 1);
    return bytesRead === 1 && buffer[0] !== LINE_FEED;
  } catch {
    // It may be written, but not read.
    return false;
  } finally {
    await reader?.close();
  }
}
