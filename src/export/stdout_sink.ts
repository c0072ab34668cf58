import { constants, openSync, write } from 'node:fs';
import { promisify } from 'node:util';
import { type Sink, Turns, batches } from './sink.ts';
import { NON_BLOCKING, writeFully } from './write_fully.ts';

const STDOUT = 1;

const writeAt = promisify(write);

/**
 * Standard output as a sink that never holds up the event loop. Node writes to a pipe in the background, but to a
 * terminal at once: a terminal paused with Ctrl-S would stop every session. So all but pipes are written by a thread.
 */
export function stdoutSink(): Sink {
  const turns = new Turns();
  const { stdout } = process;
  const isPipe = !stdout.isTTY && !isFile();
  // Each write reports its own error; unheard, the event would end the process.
  if (isPipe) stdout.on('error', () => undefined);
  const fd = stdout.isTTY ? ownTerminal() : STDOUT;
  let written = 0;
  const writeBatch = async (batch: string): Promise<void> => {
    if (isPipe) {
      await throughStream(batch);
      written += Buffer.byteLength(batch);
    } else {
      await writeFully(async (bytes) => {
        const result = await writeAt(fd, bytes, 0, bytes.length, null);
        written += result.bytesWritten;
        return result;
      }, batch);
    }
  };
  return {
    get written() {
      return written;
    },
    write: (pieces) =>
      turns.next(async () => {
        for (const batch of batches(pieces)) await writeBatch(batch);
      }),
    close: () => turns.next(() => Promise.resolve()),
  };
}

/** The terminal once more: with flags of its own, for a paused one must not hold the thread either. */
function ownTerminal(): number {
  try {
    return openSync(`/proc/self/fd/${STDOUT}`, constants.O_WRONLY | constants.O_NOCTTY | NON_BLOCKING);
  } catch {
    // Another system, or another user's terminal.
    return STDOUT;
  }
}

/** Node gives a redirected standard output a stream that writes at once, without the means of a socket. */
function isFile(): boolean {
  return !('connecting' in process.stdout);
}

function throughStream(batch: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(batch, (error) => (error ? reject(error) : resolve()));
  });
}
