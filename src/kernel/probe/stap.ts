import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { packageFolder } from '../../package_version.ts';
import { GuardedTool } from '../guarded_tool.ts';
import { ProbeError } from './probe_error.ts';
import type { Producer, ProducerSink } from './producer.ts';
import { type Filter, type SocketRecord, clockUs } from './record.ts';

const SCRIPT = path.join(packageFolder(), 'probes', 'netflow.stp');

/**
 * SystemTap's limits are those of a script that somebody watches for a minute: this one may be there as long as the
 * proxy. What it misses is told as `lost`, and does not end it. The module gets the name that SystemTap gives it, for a
 * module that is named (-m) is compiled anew each time.
 */
export const STAP_OPTIONS: readonly string[] = [
  // A flush, and the end, print all sockets in one go.
  '-DMAXACTION=1000000',
  // A CPU that the hypervisor has taken away may hold a lock: a probe waits for it up to 200 ms, not 1 ms.
  '-DMAXTRYLOCK=20000',
  // The time that a CPU was taken away for counts as time spent in probes, too.
  '-DSTP_NO_OVERLOAD',
  '--suppress-handler-errors',
];

const SOCKET_RECORDS: ReadonlySet<unknown> = new Set(['open', 'run', 'totals', 'close', 'lost']);

/** `probes/netflow.stp` under SystemTap: the script prints the records itself. */
export class StapProducer implements Producer {
  readonly method = 'stap';
  readonly tool: string;
  readonly #sink: ProducerSink;
  readonly #process: GuardedTool;
  /** Known when the script says so. */
  #module = '';
  readonly #waiting = new Map<number, () => void>();
  #token = 0;
  #state: 'starting' | 'attached' | 'stopping' | 'ended' = 'starting';
  #ended: Promise<void> = Promise.resolve();

  private constructor(tool: string, process: GuardedTool, sink: ProducerSink) {
    this.tool = tool;
    this.#process = process;
    this.#sink = sink;
  }

  /**
   * Resolves when the probes are attached; compiling the script takes minutes the first time.
   *
   * @param tool as `stap --version` says
   * @throws {ProbeError} `PROBE_NOT_STARTED` with the gist of what stap says
   */
  static async start(tool: string, filter: Filter, sink: ProducerSink): Promise<StapProducer> {
    const globals = {
      proxy_port: filter.proxyPort,
      server_port: filter.serverPort,
      target_pid: filter.pid,
    };
    const parameters = Object.entries(globals).flatMap(([name, value]) => ['-G', `${name}=${value ?? 0}`]);
    const guarded = await GuardedTool.start('stap', [...STAP_OPTIONS, ...parameters, SCRIPT]);
    const producer = new StapProducer(tool, guarded, sink);
    return new Promise((resolve, reject) => {
      createInterface({ input: guarded.stdout.setEncoding('utf8') }).on('line', (line) => {
        const record = parseRecord(line);
        if (record === null) return;
        // Records may come before the script says that it is ready, but none before all probes are attached.
        if (producer.#state === 'starting') {
          producer.#state = 'attached';
          sink.attached();
        }
        producer.#take(record);
        if (record['type'] === 'ready') resolve(producer);
      });
      const end = async (): Promise<void> => {
        const how = await guarded.ended();
        const starting = producer.#state === 'starting';
        await producer.#end(how);
        const said = stapGist(guarded.stderr) || `stap ${how}`;
        if (starting) reject(new ProbeError('PROBE_NOT_STARTED', `SystemTap cannot run its script: ${said}`));
        else resolve(producer);
      };
      producer.#ended = end();
      producer.#ended.catch(reject);
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
    await this.#ended;
  }

  #take(record: Record<string, unknown>): void {
    if (record['type'] === 'ready') this.#module = String(record['module']);
    else if (record['type'] === 'flushed') this.#waiting.get(Number(record['token']))?.();
    // The script's records are those of probes/README.md.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    else if (SOCKET_RECORDS.has(record['type'])) this.#sink.record(record as unknown as SocketRecord);
  }

  async #end(how: string): Promise<void> {
    const died = this.#state === 'attached';
    this.#state = 'ended';
    await removeModule(this.#module);
    const count = missed(this.#process.stderr);
    if (count > 0) this.#sink.record({ type: 'lost', count, clock_us: clockUs() });
    for (const resolve of this.#waiting.values()) resolve();
    if (died) this.#sink.died([`stap ${how}`, stapGist(this.#process.stderr)].filter(Boolean).join(': '));
  }
}

/** SystemTap takes its module out of the kernel when it ends, but not when it is killed. */
async function removeModule(name: string): Promise<void> {
  if (name === '' || !existsSync(path.join('/sys/module', name))) return;
  await promisify(execFile)('staprun', ['-d', name]).catch(() => undefined);
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
  const probes = [...stderr.matchAll(/Number of errors: (\d+), skipped probes: (\d+)/g)];
  const output = [...stderr.matchAll(/There were (\d+) transport failures/g)];
  return [...probes, ...output]
    .flatMap(([, ...counts]) => counts)
    .reduce((sum, count) => sum + Number(count), 0);
}

/** Its errors, in one line. */
export function stapGist(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.trim());
  // The script needs no symbols; that they are missing SystemTap says each time.
  const said = lines.filter((line) => line !== '' && !line.includes('[man warning::symbols]'));
  const errors = said.filter((line) => /error|unable|not permitted|exited with/i.test(line));
  return (errors.length > 0 ? errors : said).slice(0, 3).join('; ');
}
