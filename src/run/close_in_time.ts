import { setTimeout as sleep } from 'node:timers/promises';
import type { LineWriter } from '../export/line_writer.ts';
import { describeError } from './describe_error.ts';

export interface CloseOptions {
  /** How long it may take nothing before it is given up. Default: 3 s. */
  readonly patienceMs?: number;
  /** Called when it is given up. */
  readonly giveUp?: () => void;
}

const PATIENCE_MS = 3000;

/**
 * Closes an output as soon as all that waits is written. However slow it is, it is waited for as long as it takes
 * anything.
 *
 * @returns what is lost, and why; null when nothing is
 */
export async function closeInTime(writer: LineWriter, options: CloseOptions = {}): Promise<string | null> {
  const { patienceMs = PATIENCE_MS, giveUp } = options;
  const closed = writer.close().then(
    () => null,
    (error: unknown) => `the ${writer.name} could not be closed: ${describeError(error)}`,
  );
  const over = new AbortController();
  try {
    for (;;) {
      const { written } = writer;
      const waited = sleep(patienceMs, 'waited', { signal: over.signal }).catch(() => 'waited' as const);
      const outcome = await Promise.race([closed, waited]);
      if (outcome !== 'waited') return outcome;
      if (writer.written > written) continue;
      giveUp?.();
      return `the ${writer.name} took nothing for ${patienceMs / 1000} seconds: up to ${writer.missing} entries are lost`;
    }
  } finally {
    over.abort();
  }
}
