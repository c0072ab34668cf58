import type { Logger } from 'pino';
import { TraceFile } from '../export/trace_file.ts';
import type { Tap } from '../proxy/options.ts';
import type { Session } from '../session/session.ts';
import { Tracer } from '../wire/trace/tracer.ts';

/** A trace of all sessions in one file. */
export class Trace {
  readonly #file: TraceFile;

  private constructor(file: TraceFile) {
    this.#file = file;
  }

  /** @throws {TraceFileError} when the file cannot be opened */
  static open(path: string, log: Logger): Trace {
    return new Trace(TraceFile.open(path, { log }));
  }

  tap(session: Session): Tap {
    return new Tracer({
      sessionId: session.id,
      timestamp: () => new Date().toISOString(),
      write: (line) => this.#file.write(line),
    });
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
