import path from 'node:path';
import { createInterface } from 'node:readline';
import { packageFolder } from '../../package_version.ts';
import { type BpftraceEvent, parseBpftraceLine } from './bpftrace_line.ts';
import { GuardedTool } from '../guarded_tool.ts';
import { BTF } from './machine.ts';
import { missedCalls } from './missed_calls.ts';
import { ProbeError } from './probe_error.ts';
import type { Producer, ProducerSink } from './producer.ts';
import { type Events, type Filter, clockUs } from './record.ts';
import { RunOrder } from './run_order.ts';

export const SCRIPTS: Readonly<Record<Events, string>> = {
  tracepoints: 'netflow.bt',
  fentry: 'netflow_fentry.bt',
  kprobes: 'netflow_kprobes.bt',
};

/** Sockets that can be watched at once, and pages of buffer per CPU (4 MiB): lines are lost when that is full. */
const LIMITS = { BPFTRACE_MAP_KEYS_MAX: '65536', BPFTRACE_PERF_RB_PAGES: '1024' };

/** Kernels before 5.11 do not hand out their types when bpftrace asks for them, but have them in this file. */
const TYPES = { BPFTRACE_BTF: BTF };

const RELEASE_EVERY_MS = 500;
const STOP_TIMEOUT_MS = 30_000;
/** bpftrace looks for the signal ten times a second, and may be busy. */
const ASK_AGAIN_MS = 1000;
/** A bpftrace that has not printed its maps by then does so at its end only: 0.17 answers at once, 0.27 never. */
const ANSWER_TIMEOUT_MS = 15_000;
/** Maps that disagree with each other are asked for again; a socket that never rests is left to its next line. */
const FLUSH_ATTEMPTS = 10;

type MapEntries = Extract<BpftraceEvent, { type: 'map' }>['entries'];

/** `probes/netflow.bt`, or what is made of it for older kernels, under bpftrace. */
export class BpftraceProducer implements Producer {
  readonly method = 'bpftrace';
  readonly tool: string;
  readonly events: Events;
  readonly #sink: ProducerSink;
  readonly #process: GuardedTool;
  readonly #order: RunOrder;
  readonly #releasing: NodeJS.Timeout;
  #maps: { past: MapEntries | null; run: MapEntries | null } = { past: null, run: null };
  #askedMs = 0;
  #missed = 0;
  #mapsArrived: (() => void) | null = null;
  #flushing: Promise<void> = Promise.resolve();
  #state: 'starting' | 'attached' | 'draining' | 'stopping' | 'ended' = 'starting';
  /** It prints its maps when it is asked to. */
  #answers = true;

  private constructor(
    tool: string,
    events: Events,
    process: GuardedTool,
    filter: Filter,
    sink: ProducerSink,
  ) {
    this.tool = tool;
    this.events = events;
    this.#process = process;
    this.#sink = sink;
    this.#order = new RunOrder(filter, (record) => sink.record(record));
    this.#releasing = setInterval(() => this.#order.release(nowMs()), RELEASE_EVERY_MS);
  }

  /**
   * Resolves when the probes are attached.
   *
   * @param tool as `bpftrace --version` says
   * @param flagsPlace of the argument `flags` of tcp_recvmsg, from 0, which only the script for kprobes asks for
   * @throws {ProbeError} `PROBE_NOT_STARTED` with the gist of what bpftrace says
   */
  static async start(
    tool: string,
    events: Events,
    flagsPlace: number | null,
    filter: Filter,
    sink: ProducerSink,
  ): Promise<BpftraceProducer> {
    const script = path.join(packageFolder(), 'probes', SCRIPTS[events]);
    const numbers = [filter.proxyPort, filter.serverPort, filter.pid];
    if (events === 'kprobes') numbers.push(flagsPlace);
    const parameters = numbers.map((value) => String(value ?? 0));
    const args = ['-B', 'line', '-f', 'json', script, ...parameters];
    const environment = { ...LIMITS, ...(events === 'kprobes' && TYPES) };
    const guarded = await GuardedTool.start('bpftrace', args, environment);
    const producer = new BpftraceProducer(tool, events, guarded, filter, sink);
    return new Promise((resolve, reject) => {
      const lines = createInterface({ input: guarded.stdout.setEncoding('utf8') });
      lines.on('line', (line) => {
        const event = parseBpftraceLine(line);
        if (event === null) return;
        // Nothing is printed before all probes are attached; `begin` may come from a slower CPU.
        if (producer.#state === 'starting') {
          producer.#state = 'attached';
          sink.attached(events);
          resolve(producer);
        }
        if (producer.#state === 'attached' || producer.#state === 'draining') producer.#take(event);
      });
      const end = (how: string): void => {
        const starting = producer.#state === 'starting';
        producer.#end(how);
        const said = gist(guarded.stderr) || `bpftrace ${how}`;
        if (starting)
          reject(new ProbeError('PROBE_NOT_STARTED', `bpftrace cannot attach its probes: ${said}`));
      };
      void guarded.ended().then(end, reject);
    });
  }

  flush(): Promise<void> {
    this.#flushing = this.#flushing.then(() => this.#flush()).then(() => this.#tellMissed());
    return this.#flushing;
  }

  /** Of which sockets they were nobody knows. */
  #tellMissed(): void {
    const count = missedCalls(this.#process.pid) - this.#missed;
    if (count <= 0) return;
    this.#missed += count;
    this.#sink.record({ type: 'lost', count, clock_us: clockUs() });
  }

  async stop(): Promise<void> {
    if (this.#state === 'ended') return;
    // Once asked to end, bpftrace 0.17 throws lines away that it has not printed. So it is asked for all it has
    // first, and what comes after that does not count.
    const impatience = setTimeout(() => this.#process.signal('SIGKILL'), STOP_TIMEOUT_MS);
    await this.flush();
    clearTimeout(impatience);
    if (!this.#answers) {
      await this.#drain();
      return;
    }
    // What has not come since the maps were asked for the last time happened after that, on a socket that never rests.
    this.#order.release(nowMs(), nowMs() - this.#askedMs);
    this.#state = 'stopping';
    await this.#process.stop('SIGKILL');
  }

  /** Ends a bpftrace that does not answer, which prints its maps then. */
  async #drain(): Promise<void> {
    this.#state = 'draining';
    await this.#process.stop('SIGINT');
    this.#takeMaps();
    this.#order.release(nowMs(), 0);
  }

  async #flush(): Promise<void> {
    for (
      let attempt = 0;
      attempt < FLUSH_ATTEMPTS && this.#state === 'attached' && this.#answers;
      attempt++
    ) {
      if ((await this.#readMaps()) === 0) return;
      // A socket that does not rest is ahead of some map each time; by the second time all is here that was asked for.
      if (attempt > 0 && this.#order.missingSince(this.#askedMs) === 0) return;
    }
  }

  /** @returns of how many sockets something is still on its way */
  async #readMaps(): Promise<number> {
    this.#maps = { past: null, run: null };
    this.#askedMs = nowMs();
    const again = setInterval(() => this.#process.signal('SIGUSR1'), ASK_AGAIN_MS);
    let giveUp: NodeJS.Timeout | undefined;
    this.#answers = await new Promise<boolean>((resolve) => {
      this.#mapsArrived = () => resolve(true);
      giveUp = setTimeout(resolve, ANSWER_TIMEOUT_MS, false);
      this.#process.signal('SIGUSR1');
    });
    this.#mapsArrived = null;
    clearTimeout(giveUp);
    clearInterval(again);
    return this.#takeMaps();
  }

  #takeMaps(): number {
    const { past, run } = this.#maps;
    return past === null || run === null ? 0 : this.#order.takeMaps(past, run, nowMs());
  }

  #take(event: BpftraceEvent): void {
    switch (event.type) {
      case 'begin':
        break;
      case 'lost':
        this.#sink.record({ type: 'lost', count: event.count, clock_us: clockUs() });
        break;
      case 'batches':
        for (const batch of event.batches) this.#order.take(batch, nowMs());
        break;
      case 'map':
        if (event.name === '@past') this.#maps.past = event.entries;
        if (event.name === '@run') this.#maps.run = event.entries;
        if (this.#maps.past !== null && this.#maps.run !== null) this.#mapsArrived?.();
        break;
      case 'open':
      case 'addresses':
      case 'runs':
      case 'close':
        this.#order.take(event, nowMs());
    }
  }

  #end(how: string): void {
    const died = this.#state === 'attached';
    this.#state = 'ended';
    clearInterval(this.#releasing);
    this.#mapsArrived?.();
    if (died) this.#order.release(nowMs(), 0);
    if (died) this.#sink.died([`bpftrace ${how}`, gist(this.#process.stderr)].filter(Boolean).join(': '));
  }
}

function nowMs(): number {
  return clockUs() / 1000;
}

/** What matters of bpftrace's complaints, in one line; it says one thing about its limits that is none. */
export function gist(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.trim());
  const said = lines.filter((line) => line !== '' && !line.includes('RLIMIT_MEMLOCK'));
  const errors = said.filter((line) => /error/i.test(line));
  return [...new Set(errors.length > 0 ? errors : said)].slice(0, 3).join('; ');
}
