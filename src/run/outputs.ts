import type { Logger } from 'pino';
import type { QueryTexts } from '../account/query_texts.ts';
import type { LineWriter } from '../export/line_writer.ts';
import { LiveOutput } from '../export/live.ts';
import type { Sink } from '../export/sink.ts';
import { StatementLog } from '../export/statement_log.ts';
import type { Tap } from '../proxy/options.ts';
import type { OutputLines } from '../proxy/threads/relay_threads.ts';
import type { StatementLine } from '../report/statement_line.ts';
import type { Session } from '../session/session.ts';
import type { Statement } from '../session/statement.ts';
import type { ProxySettings } from '../settings/proxy_settings.ts';
import { closeInTime } from './close_in_time.ts';
import { unwritable } from './output_file.ts';
import { Trace } from './trace.ts';

/** What was to be written is lost. */
export class OutputError extends Error {
  readonly code = 'PGNETFLOW_OUTPUT';

  constructor(message: string) {
    super(message);
    this.name = 'OutputError';
  }
}

/** What the proxy writes while it runs. */
export class Outputs {
  #live: LiveOutput | null = null;
  #statementLog: StatementLog | null = null;
  #trace: Trace | null = null;
  readonly #onStdout: LineWriter[] = [];
  readonly #inFiles: LineWriter[] = [];
  #stdoutIsStuck = false;

  /** @throws {Error} when a file cannot be opened */
  static async open(settings: ProxySettings, stdout: Sink, log: Logger): Promise<Outputs> {
    const outputs = new Outputs();
    if (settings.trace !== null) {
      outputs.#trace = await Trace.open(settings.trace, log);
      outputs.#inFiles.push(outputs.#trace.writer);
    }
    const target = settings['statement-log'];
    if (target === '-') {
      outputs.#statementLog = StatementLog.toSink(stdout, log, settings['query-text']);
      outputs.#onStdout.push(outputs.#statementLog.writer);
    } else if (target !== null) {
      outputs.#statementLog = await openStatementLog(target, log, settings['query-text']);
      outputs.#inFiles.push(outputs.#statementLog.writer);
    }
    if (settings.live) {
      outputs.#live = new LiveOutput(stdout, log, settings['query-text']);
      outputs.#onStdout.push(outputs.#live.writer);
    }
    return outputs;
  }

  /** What takes each finished statement; null when nobody wants them. */
  get onStatement(): ((session: Session, statement: Statement) => void) | null {
    if (this.#statementLog === null && this.#live === null) return null;
    return (session, statement) => {
      this.#statementLog?.write(session, statement);
      this.#live?.write(session, statement);
    };
  }

  /** What takes lines of sessions in other threads; null of what nobody wants. */
  get lines(): OutputLines {
    const [statementLog, live, trace] = [this.#statementLog, this.#live, this.#trace];
    const statement = (line: StatementLine): void => {
      statementLog?.enter(line);
      live?.enter(line);
    };
    return {
      statement: statementLog === null && live === null ? null : statement,
      trace: trace === null ? null : (line) => trace.enter(line),
    };
  }

  /** What listens to the messages of a session; null when nobody wants them. */
  get tap(): ((session: Session) => Tap) | null {
    const trace = this.#trace;
    return trace === null ? null : (session) => trace.tap(session);
  }

  /** Files that can be moved away, and opened anew. */
  get reopenable(): boolean {
    return this.#inFiles.length > 0;
  }

  /** Opens the files anew: call it when they were moved away. */
  reopen(): void {
    this.#statementLog?.reopen();
    this.#trace?.reopen();
  }

  /** Standard output was given up: whoever waits for it to be written waits for ever. */
  get stdoutIsStuck(): boolean {
    return this.#stdoutIsStuck;
  }

  /** Resolves when all is written that goes to standard output, however long that takes; no more is taken. */
  async drainStdout(): Promise<void> {
    await Promise.all(this.#onStdout.map((writer) => writer.close()));
  }

  /**
   * Closes all, as soon as what waits is written. One that takes nothing for a while is given up.
   *
   * @throws {OutputError} after all are closed or given up, when something is lost
   */
  async close(): Promise<void> {
    const problems = await Promise.all([
      ...this.#onStdout.map((writer) => closeInTime(writer, { giveUp: () => (this.#stdoutIsStuck = true) })),
      ...this.#inFiles.map((writer) => closeInTime(writer)),
    ]);
    const told = problems.filter((problem) => problem !== null);
    if (told.length > 0) throw new OutputError(told.join('; '));
  }
}

async function openStatementLog(path: string, log: Logger, texts: QueryTexts): Promise<StatementLog> {
  try {
    return await StatementLog.toFile(path, log, texts);
  } catch (cause) {
    throw new Error(`cannot open the statement log ${path}: ${unwritable(path, cause)}`, { cause });
  }
}
