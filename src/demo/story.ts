import type { Sink } from '../export/sink.ts';
import type { ReportFormat } from '../report/render.ts';
import { statementBlock } from '../report/flow_lines.ts';
import { sessionIdentity, statementRecord } from '../report/session_record.ts';
import { SteadyClock } from '../report/steady_clock.ts';
import type { Session } from '../session/session.ts';
import type { Statement } from '../session/statement.ts';
import type { Finding } from './findings.ts';

/** What is told to people on standard output besides the report: a block per statement, and what it all says. */
export class Story {
  readonly #clock = new SteadyClock();
  readonly #sink: Sink;
  readonly #onFailure: (error: Error) => void;
  #written: Promise<void> = Promise.resolve();

  /** @param onFailure told of each write that failed */
  constructor(sink: Sink, onFailure: (error: Error) => void) {
    this.#sink = sink;
    this.#onFailure = onFailure;
  }

  block(session: Session, statement: Statement): void {
    this.#write([
      statementBlock(sessionIdentity(session), statementRecord(statement, session.wire.server, this.#clock)),
    ]);
  }

  findings(found: readonly Finding[]): void {
    const lines = found.map(({ holds, sentence }) => `- ${holds ? '' : 'NOT SO: '}${sentence}\n`);
    this.#write(['\nwhat the figures say\n', ...lines]);
  }

  /** Resolves when all that was told so far is written, or has failed to be. */
  async flush(): Promise<void> {
    await this.#written;
  }

  #write(pieces: readonly string[]): void {
    // The sink keeps the order, so the last one is the last to be written.
    this.#written = this.#sink.write(pieces).catch(this.#onFailure);
  }
}

/** Standard output takes a story or one machine-readable thing. */
export function tellsStory(format: ReportFormat, file: string | null): boolean {
  return format === 'text' || (format !== 'none' && file !== null);
}
