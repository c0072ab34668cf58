import type { Logger } from 'pino';
import type { QueryTexts } from '../account/query_texts.ts';
import { statementBlock } from '../report/flow_lines.ts';
import { type StatementLine, statementLine } from '../report/statement_line.ts';
import { SteadyClock } from '../report/steady_clock.ts';
import type { Session } from '../session/session.ts';
import type { Statement } from '../session/statement.ts';
import { LineWriter } from './line_writer.ts';
import type { Sink } from './sink.ts';

/** Prints a block per finished statement; see {@link LineWriter} for what is dropped. */
export class LiveOutput {
  readonly #clock = new SteadyClock();
  readonly #texts: QueryTexts;
  readonly writer: LineWriter;

  constructor(sink: Sink, log: Logger, texts: QueryTexts = 'raw') {
    this.#texts = texts;
    this.writer = new LineWriter(sink, { name: 'live output', log });
  }

  /** Prints a statement whose figures are final. */
  write(session: Session, statement: Statement): void {
    this.enter(statementLine(session, statement, this.#clock, this.#texts));
  }

  /** As {@link write}, of a session in another thread. */
  enter(line: StatementLine): void {
    this.writer.write(statementBlock(line, line));
  }

  close(): Promise<void> {
    return this.writer.close();
  }
}
