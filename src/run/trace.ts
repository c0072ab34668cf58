import type { Logger } from 'pino';
import type { LineWriter } from '../export/line_writer.ts';
import { TraceFile } from '../export/trace_file.ts';
import type { Tap } from '../proxy/options.ts';
import { traceTap } from '../proxy/trace_tap.ts';
import type { Session } from '../session/session.ts';
import { unwritable } from './output_file.ts';

/** A trace of all sessions in one file. */
export class Trace {
  readonly #file: TraceFile;

  private constructor(file: TraceFile) {
    this.#file = file;
  }

  /** @throws {Error} when the file cannot be opened */
  static async open(path: string, log: Logger): Promise<Trace> {
    try {
      return new Trace(await TraceFile.open(path, log));
    } catch (cause) {
      throw new Error(`cannot open the trace ${path}: ${unwritable(path, cause)}`, { cause });
    }
  }

  tap(session: Session): Tap {
    return traceTap(session, (line) => this.#file.write(line));
  }

  /** A line of a session in another thread. */
  enter(line: string): void {
    this.#file.write(line);
  }

  get writer(): LineWriter {
    return this.#file.writer;
  }

  /** Opens the file anew: call it when the file was moved away. */
  reopen(): void {
    this.#file.reopen();
  }
}
