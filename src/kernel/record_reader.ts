import { StringDecoder } from 'node:string_decoder';
import { DamagedLine, parseRecord, type ProbeRecord } from './records.ts';

/** A record has some hundred characters. Who writes a line as long as this does not write records. */
const MAX_LINE = 1024 * 1024;

/** A line is so long that this is no recording. */
export class EndlessLine extends Error {
  readonly code = 'PGNETFLOW_ENDLESS_LINE';

  constructor(line: number) {
    super(`line ${line} has more than ${MAX_LINE} characters: these are no records of pgnetflow probe`);
    this.name = 'EndlessLine';
  }
}

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
  #line = 0;

  constructor(sink: RecordSink) {
    this.#sink = sink;
  }

  /**
   * @throws {UnknownSchema} when the recording is of another format
   * @throws {EndlessLine} as soon as a line is too long, whether or not its end has come
   */
  read(chunk: Buffer): void {
    const lines = this.#decoder.write(chunk).split('\n');
    lines[0] = this.#begun + lines[0]!;
    this.#begun = lines.pop()!;
    for (const line of lines) this.#take(line);
    if (this.#begun.length > MAX_LINE) throw new EndlessLine(this.#line + 1);
  }

  /** A last line without its end is read like any other. @throws {UnknownSchema} */
  end(): void {
    const last = this.#begun + this.#decoder.end();
    this.#begun = '';
    if (last !== '') this.#take(last);
  }

  #take(line: string): void {
    this.#line += 1;
    if (line.length > MAX_LINE) throw new EndlessLine(this.#line);
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
