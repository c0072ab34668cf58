import type { Logger } from 'pino';
import { type AppendSink, openAppendSink } from './append_sink.ts';
import { LineWriter } from './line_writer.ts';

/** UTF-16 units of lines that may wait for the disk. */
const MAX_WAITING = 16 * 1024 * 1024;

/**
 * The lines of all sessions in one file, written in the background; see {@link LineWriter} for what is dropped. The
 * file says where lines are missing.
 */
export class TraceFile {
  readonly #file: AppendSink;
  readonly writer: LineWriter;

  constructor(file: AppendSink, log: Logger, maxWaiting = MAX_WAITING) {
    this.#file = file;
    this.writer = new LineWriter(file, { name: 'trace', log, maxWaiting, gap });
  }

  /** Appends to a file, which is created when it is missing; rejects when it cannot be opened. */
  static async open(path: string, log: Logger): Promise<TraceFile> {
    return new TraceFile(await openAppendSink(path), log);
  }

  /** Lines that were not written. */
  get dropped(): number {
    return this.writer.dropped;
  }

  /** Appends one line, given without its line end. Never throws. */
  write(line: string): void {
    this.writer.write(`${line}\n`);
  }

  /** Opens the file anew: call it when the file was moved away. */
  reopen(): void {
    this.#file.reopen();
  }

  close(): Promise<void> {
    return this.writer.close();
  }
}

function gap(lines: number, problem: string | null): string {
  // The disk may have taken the first of those that it refused together.
  const what = problem === null ? `${lines} lines` : `up to ${lines} lines`;
  return `# ${what} dropped here: ${problem ?? 'the disk could not keep up'}\n`;
}
