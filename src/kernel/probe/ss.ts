import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { ProbeError } from './probe_error.ts';
import type { Producer, ProducerSink } from './producer.ts';
import { type Filter, clockUs } from './record.ts';
import { parseSs } from './ss_output.ts';
import { SsPolls } from './ss_polls.ts';

const run = promisify(execFile);

/** Some 600 characters per connection. */
const MAX_OUTPUT = 256 * 1024 * 1024;

/** `ss`, again and again: what inet_diag shows to everybody. */
export class SsProducer implements Producer {
  readonly method = 'ss';
  readonly tool: string;
  readonly #sink: ProducerSink;
  readonly #args: readonly string[];
  readonly #polls: SsPolls;
  readonly #intervalMs: number;
  #turn: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | null = null;
  #hasEnded = false;

  private constructor(tool: string, filter: Filter, intervalMs: number, sink: ProducerSink) {
    this.tool = tool;
    this.#sink = sink;
    this.#intervalMs = intervalMs;
    this.#args = ssArguments(filter);
    this.#polls = new SsPolls(filter);
  }

  /** @throws {ProbeError} `PROBE_NOT_STARTED` */
  static async start(
    tool: string,
    filter: Filter,
    intervalMs: number,
    sink: ProducerSink,
  ): Promise<SsProducer> {
    const producer = new SsProducer(tool, filter, intervalMs, sink);
    const first = await producer.#look();
    sink.attached();
    producer.#tell(first);
    producer.#wait();
    return producer;
  }

  flush(): Promise<void> {
    this.#turn = this.#turn.then(() => this.#poll());
    return this.#turn;
  }

  async #poll(): Promise<void> {
    if (this.#hasEnded) return;
    try {
      this.#tell(await this.#look());
    } catch (error) {
      this.#hasEnded = true;
      this.#sink.died(error instanceof Error ? error.message : String(error));
    }
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.flush();
    this.#hasEnded = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #wait(): void {
    const look = async (): Promise<void> => {
      await this.flush();
      if (!this.#hasEnded) this.#wait();
    };
    this.#timer = setTimeout(() => void look(), this.#intervalMs);
  }

  async #look(): Promise<string> {
    try {
      const { stdout } = await run('ss', this.#args, { maxBuffer: MAX_OUTPUT });
      return stdout;
    } catch (cause) {
      const said = cause instanceof Error ? cause.message.trim().replaceAll('\n', '; ') : String(cause);
      throw new ProbeError('PROBE_NOT_STARTED', `ss cannot list connections: ${said}`, { cause });
    }
  }

  #tell(output: string): void {
    for (const record of this.#polls.next(parseSs(output), clockUs())) this.#sink.record(record);
  }
}

/** Looking for processes costs a walk through /proc: only when asked for. The kernel picks the ports. */
export function ssArguments({ proxyPort, serverPort, pid }: Filter): string[] {
  if (pid !== null) return ['-tinepH'];
  const ports = [
    ...(proxyPort === null ? [] : [`sport = :${proxyPort}`]),
    ...(serverPort === null ? [] : [`sport = :${serverPort}`, `dport = :${serverPort}`]),
  ];
  return ['-tineH', `( ${ports.join(' or ')} )`];
}
