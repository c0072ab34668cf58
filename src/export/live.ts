import type { Logger } from 'pino';
import type { QueryTexts } from '../account/query_texts.ts';
import { statementBlock } from '../report/flow_lines.ts';
import { sessionIdentity, statementRecord } from '../report/session_record.ts';
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
    this.writer.write(
      statementBlock(
        sessionIdentity(session),
        statementRecord(statement, session.wire.server, this.#clock, this.#texts),
      ),
    );
  }

  close(): Promise<void> {
    return this.writer.close();
  }
}
