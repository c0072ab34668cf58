import { createWriteStream, openSync } from 'node:fs';
import { finished, type Writable } from 'node:stream';

/** What a trace file needs of a pino logger. */
export interface TraceFileLog {
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface TraceFileOptions {
  readonly log: TraceFileLog;
  /** Bytes of lines that may wait for the disk; what comes then is dropped and counted. Default: 16 MiB. */
  readonly maxWaitingBytes?: number;
}

/** The trace file could not be opened. */
export class TraceFileError extends Error {
  readonly code = 'PGNETFLOW_TRACE_FILE';
}

const DEFAULT_MAX_WAITING_BYTES = 16 * 1024 * 1024;
const BATCH_CHARACTERS = 64 * 1024;

/**
 * Appends the lines of all sessions to one file. A line is never waited for: when the disk cannot keep up, lines are
 * dropped until half of the waiting bytes are written, and the file says how many, and where.
 */
export class TraceFile {
  readonly #name: string;
  readonly #stream: Writable;
  readonly #log: TraceFileLog;
  readonly #maxWaitingBytes: number;
  readonly #closed: Promise<void>;
  #batch = '';
  #flushing = false;
  #state: 'open' | 'dropping' | 'closed' = 'open';
  #droppedHere = 0;
  /** Lines that were not taken, for the disk could not keep up, or the file had failed or was closed. */
  dropped = 0;

  /**
   * Opens `path` for appending. Only its owner may read a new file, for a trace shows SQL texts and data.
   *
   * @throws {TraceFileError} when it cannot be opened
   */
  static open(path: string, options: TraceFileOptions): TraceFile {
    let fd: number;
    try {
      fd = openSync(path, 'a', 0o600);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new TraceFileError(`cannot open the trace file: ${reason}`, { cause });
    }
    return new TraceFile(path, createWriteStream(path, { fd }), options);
  }

  /**
   * @param name what the log calls it
   */
  constructor(name: string, stream: Writable, options: TraceFileOptions) {
    this.#name = name;
    this.#stream = stream;
    this.#log = options.log;
    this.#maxWaitingBytes = options.maxWaitingBytes ?? DEFAULT_MAX_WAITING_BYTES;
    this.#closed = new Promise((resolve) => {
      finished(stream, (error) => {
        if (error) this.#fail(error);
        resolve();
      });
    });
  }

  /** Appends one line, given without its line end. Never throws. */
  write(line: string): void {
    if (!this.#hasRoom()) {
      this.dropped += 1;
      this.#droppedHere += 1;
      return;
    }
    this.#batch += `${line}\n`;
    if (this.#batch.length >= BATCH_CHARACTERS) {
      this.#flush();
    } else if (!this.#flushing) {
      this.#flushing = true;
      setImmediate(() => this.#flush());
    }
  }

  /** Writes what waits, and closes the file. An error in that is logged. */
  close(): Promise<void> {
    if (this.#state === 'dropping') this.#resume();
    this.#flush();
    this.#state = 'closed';
    this.#stream.end();
    return this.#closed;
  }

  #hasRoom(): boolean {
    if (this.#state === 'closed') return false;
    const waiting = this.#batch.length + this.#stream.writableLength;
    if (this.#state === 'dropping') {
      if (waiting > this.#maxWaitingBytes / 2) return false;
      this.#resume();
    } else if (waiting >= this.#maxWaitingBytes) {
      this.#state = 'dropping';
      this.#log.warn({ file: this.#name }, 'the disk cannot keep up with the trace: lines are dropped');
      return false;
    }
    return true;
  }

  #resume(): void {
    this.#state = 'open';
    this.#batch += `# ${this.#droppedHere} lines dropped here: the disk could not keep up\n`;
    this.#log.warn({ file: this.#name, lines: this.#droppedHere }, 'lines of the trace were dropped');
    this.#droppedHere = 0;
  }

  #flush(): void {
    this.#flushing = false;
    if (this.#batch === '' || this.#state === 'closed') return;
    this.#stream.write(this.#batch);
    this.#batch = '';
  }

  #fail(error: Error): void {
    this.#state = 'closed';
    this.#batch = '';
    this.#log.error({ file: this.#name, err: error }, 'the trace ends here: its file cannot be written');
  }
}
