import { constants } from 'node:fs';

const RETRY_MS = 10;

/**
 * How to open what is written by {@link writeFully}: a FIFO that nobody reads must be an error or a wait that ends,
 * for a thread that the kernel holds in open(2) or write(2) keeps the whole process from exiting. It means nothing
 * for a regular file.
 */
export const NON_BLOCKING = constants.O_NONBLOCK;

/** Writes all of a text, however many writes that takes; waits when a pipe or terminal is full. */
export async function writeFully(
  write: (bytes: Buffer) => Promise<{ readonly bytesWritten: number }>,
  text: string,
): Promise<void> {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      const { bytesWritten } = await write(rest);
      rest = rest.subarray(bytesWritten);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}
