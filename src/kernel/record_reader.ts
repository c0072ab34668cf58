import { StringDecoder } from 'node:string_decoder';
import { DamagedLine, parseRecord, type ProbeRecord } from './records.ts';

/** A record has some hundred characters; more is none. */
const MAX_LINE = 64 * 1024;

export interface RecordSink {
  enter(record: ProbeRecord): void;
  /** A line that could not be read. */
  damaged(line: number, problem: string): void;
}

/** Takes records out of NDJSON that comes in pieces; holds no more than one line. */
export class RecordReader {
  readonly #sink: RecordSink;
  readonly #decoder = new StringDecoder('utf8');
  #begun = '';
  /** The line that is being read is too long, and is not kept. */
  #skipping = false;
  #line = 0;

  constructor(sink: RecordSink) {
    this.#sink = sink;
  }

  /** @throws {UnknownSchema} when the recording is of another format */
  read(chunk: Buffer): void {
    const lines = this.#decoder.write(chunk).split('\n');
    lines[0] = this.#begun + lines[0]!;
    this.#begun = lines.pop()!;
    for (const line of lines) this.#take(line);
    if (this.#begun.length > MAX_LINE) {
      this.#begun = '';
      this.#skipping = true;
    }
  }

  /** A last line without its end is read like any other. @throws {UnknownSchema} */
  end(): void {
    const last = this.#begun + this.#decoder.end();
    this.#begun = '';
    if (last !== '' || this.#skipping) this.#take(last);
  }

  #take(line: string): void {
    this.#line += 1;
    if (this.#skipping || line.length > MAX_LINE) {
      this.#skipping = false;
      this.#sink.damaged(this.#line, `it has more than ${MAX_LINE} characters`);
      return;
    }
    if (line.trim() === '') return;
    try {
      const record = parseRecord(line);
      if (record !== null) this.#sink.enter(record);
    } catch (error) {
      if (!(error instanceof DamagedLine)) throw error;
      this.#sink.damaged(this.#line, error.message);
    }
  }
}
