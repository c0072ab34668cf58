import { statfs } from 'node:fs/promises';
import { formatBytes } from '../report/units.ts';
import { DemoError } from './demo_error.ts';

/** An empty cluster, and the write-ahead log at its largest. */
const BASE_BYTES = 256 * 1024 * 1024;
/** A row at the end of the experiment: four copies of it. */
const BYTES_PER_ROW = 320;

/** What the experiment takes on disk at most. */
export function spaceNeeded(rows: number): number {
  return BASE_BYTES + rows * BYTES_PER_ROW;
}

/**
 * Better a word before than an error after minutes.
 *
 * @throws {DemoError} when the file system of `directory` has too little room
 */
export async function requireSpace(directory: string, rows: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const free = bavail * bsize;
  const needed = spaceNeeded(rows);
  if (free >= needed) return;
  throw new DemoError(
    `${rows} rows need about ${formatBytes(needed)} on disk, and ${directory} has ${formatBytes(free)} left; ` +
      'give fewer --rows, or set TMPDIR to a directory with more room',
  );
}
