import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { packageFolder } from '../../package_version.ts';
import { GuardedTool } from '../guarded_tool.ts';
import { ProbeError } from './probe_error.ts';
import type { Producer, ProducerSink } from './producer.ts';
import { type Filter, type SocketRecord, clockUs } from './record.ts';

const SCRIPT = path.join(packageFolder(), 'probes', 'netflow.stp');

const SOCKET_RECORDS: ReadonlySet<unknown> = new Set(['open', 'run', 'totals', 'close', 'lost']);

/** `probes/netflow.stp` under SystemTap: the script prints the records itself. */
export class StapProducer implements Producer {
  readonly method = 'stap';
  readonly tool: string;
  readonly #sink: ProducerSink;
  readonly #process: GuardedTool;
  readonly #module: string;
  readonly #waiting = new Map<number, () => void>();
  #token = 0;
  #state: 'starting' | 'attached' | 'stopping' | 'ended' = 'starting';

  private constructor(tool: string, process: GuardedTool, module: string, sink: ProducerSink) {
    this.tool = tool;
    this.#process = process;
    this.#module = module;
    this.#sink = sink;
  }

  /**
   * Resolves when the probes are attached; compiling the script takes many seconds the first time.
   *
   * @param tool as `stap --version` says
   * @throws {ProbeError} `PROBE_NOT_STARTED` with the gist of what stap says
   */
  static async start(tool: string, filter: Filter, sink: ProducerSink): Promise<StapProducer> {
    const module = `pgnetflow_${process.pid}`;
    const globals = {
      proxy_port: filter.proxyPort,
      server_port: filter.serverPort,
      target_pid: filter.pid,
    };
    const parameters = Object.entries(globals).flatMap(([name, value]) => ['-G', `${name}=${value ?? 0}`]);
    const guarded = await GuardedTool.start('stap', ['-m', module, ...parameters, SCRIPT]);
    const producer = new StapProducer(tool, guarded, module, sink);
    return new Promise((resolve, reject) => {
      createInterface({ input: guarded.stdout.setEncoding('utf8') }).on('line', (line) => {
        if (producer.#state === 'starting') {
          producer.#state = 'attached';
          sink.attached();
          resolve(producer);
        }
        producer.#take(line);
      });
      const end = (how: string): void => {
        const starting = producer.#state === 'starting';
        producer.#end(how);
        const said = stapGist(guarded.stderr) || `stap ${how}`;
        if (starting) reject(new ProbeError('PROBE_NOT_STARTED', `SystemTap cannot run its script: ${said}`));
      };
      void guarded.ended().then(end, reject);
    });
  }

  async flush(): Promise<void> {
    if (this.#state !== 'attached') return;
    const token = ++this.#token;
    const answered = new Promise<void>((resolve) => this.#waiting.set(token, resolve));
    // What cannot be asked for comes later by itself.
    const asked = await writeFile(`/proc/systemtap/${this.#module}/flush`, String(token)).then(
      () => true,
      () => false,
    );
    if (asked) await answered;
    this.#waiting.delete(token);
  }

  async stop(): Promise<void> {
    if (this.#state === 'ended') return;
    this.#state = 'stopping';
    await this.#process.stop('SIGTERM');
  }

  #take(line: string): void {
    const record = parseRecord(line);
    if (record === null) return;
    if (record['type'] === 'flushed') this.#waiting.get(Number(record['token']))?.();
    // The script's records are those of probes/README.md.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    else if (SOCKET_RECORDS.has(record['type'])) this.#sink.record(record as unknown as SocketRecord);
  }

  #end(how: string): void {
    const died = this.#state === 'attached';
    this.#state = 'ended';
    const count = missed(this.#process.stderr);
    if (count > 0) this.#sink.record({ type: 'lost', count, clock_us: clockUs() });
    for (const resolve of this.#waiting.values()) resolve();
    if (died) this.#sink.died([`stap ${how}`, stapGist(this.#process.stderr)].filter(Boolean).join(': '));
  }
}

function parseRecord(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && 'type' in value ? { ...value } : null;
  } catch {
    return null;
  }
}

/** How much SystemTap says, at its end, that it did not see or could not write. */
export function missed(stderr: string): number {
  const skipped = [...stderr.matchAll(/Number of errors: \d+, skipped probes: (\d+)/g)];
  const dropped = [...stderr.matchAll(/There were (\d+) transport failures/g)];
  return [...skipped, ...dropped].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** Its errors, in one line. */
export function stapGist(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.trim());
  const errors = lines.filter((line) => /error|unable|not permitted/i.test(line));
  return (errors.length > 0 ? errors : lines.filter((line) => line !== '')).slice(0, 3).join('; ');
}
