import type { Logger } from 'pino';

const LEVELS: ReadonlyMap<unknown, 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'> = new Map([
  [10, 'trace'],
  [20, 'debug'],
  [30, 'info'],
  [40, 'warn'],
  [50, 'error'],
  [60, 'fatal'],
]);

/** Enters lines of a thread's log in the log of the process. */
export function logLines(log: Logger, lines: readonly string[], thread: number): void {
  for (const line of lines) {
    const record: unknown = JSON.parse(line);
    if (typeof record !== 'object' || record === null) continue;
    const { level, msg, time: _time, ...fields }: Record<string, unknown> = { ...record };
    log[LEVELS.get(level) ?? 'info']({ ...fields, thread }, String(msg));
  }
}
