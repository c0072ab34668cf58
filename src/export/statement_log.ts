import type { Logger } from 'pino';
import type { QueryTexts } from '../account/query_texts.ts';
import { type StatementLine, statementLine } from '../report/statement_line.ts';
import { SteadyClock } from '../report/steady_clock.ts';
import type { Session } from '../session/session.ts';
import type { Statement } from '../session/statement.ts';
import { type AppendSink, openAppendSink } from './append_sink.ts';
import { LineWriter } from './line_writer.ts';
import type { Sink } from './sink.ts';

/** A line of the statement log. */
export type StatementLogRecord = StatementLine;

/** One JSON line per finished statement, written in the background; see {@link LineWriter} for what is dropped. */
export class StatementLog {
  readonly #clock = new SteadyClock();
  readonly #texts: QueryTexts;
  readonly writer: LineWriter;
  readonly #file: AppendSink | null;

  private constructor(sink: Sink, file: AppendSink | null, log: Logger, texts: QueryTexts) {
    this.#texts = texts;
    this.writer = new LineWriter(sink, { name: 'statement log', log });
    this.#file = file;
  }

  /** Appends to a file, which is created when it is missing; rejects when it cannot be opened. */
  static async toFile(path: string, log: Logger, texts: QueryTexts = 'raw'): Promise<StatementLog> {
    const file = await openAppendSink(path);
    return new StatementLog(file, file, log, texts);
  }

  static toSink(sink: Sink, log: Logger, texts: QueryTexts = 'raw'): StatementLog {
    return new StatementLog(sink, null, log, texts);
  }

  /** Lines that were not written. */
  get dropped(): number {
    return this.writer.dropped;
  }

  /** Enters a statement whose figures are final. */
  write(session: Session, statement: Statement): void {
    this.enter(statementLine(session, statement, this.#clock, this.#texts));
  }

  /** As {@link write}, of a session in another thread. */
  enter(line: StatementLine): void {
    this.writer.write(`${JSON.stringify(line)}\n`);
  }

  /** Opens the file anew before the next line: call it when the file was moved away. */
  reopen(): void {
    this.#file?.reopen();
  }

  close(): Promise<void> {
    return this.writer.close();
  }
}
