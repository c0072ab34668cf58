import { checksText, runChecks } from '../kernel/probe/checks.ts';
import { thisMachine } from '../kernel/probe/machine.ts';
import { ProbeError } from '../kernel/probe/probe_error.ts';
import { requireProcess } from '../kernel/probe/process.ts';
import type { Producer, ProducerSink } from '../kernel/probe/producer.ts';
import { type Events, type Filter, type SocketRecord, clockUs } from '../kernel/probe/record.ts';
import { PROBE_SCHEMA } from '../kernel/records.ts';
import { chooseMethod, patienceNeeded, startProducer } from '../kernel/probe/start.ts';
import { escapeLine } from '../report/escape.ts';
import type { ProbeSettings } from '../settings/probe_settings.ts';
import { type Gone, ProbeOutput } from './probe_output.ts';
import { Signals } from './signals.ts';

/** Why a helper ends. */
type End = { readonly by: 'signal' | 'duration' } | Gone | { readonly by: 'tool'; readonly problem: string };

/**
 * The life of `pgnetflow probe`: resolves when it was asked to end or nobody reads any more.
 *
 * @throws {ProbeError} when it cannot count, or not any more
 */
export async function probe(settings: ProbeSettings): Promise<void> {
  const machine = thisMachine();
  if (settings.check) {
    process.stdout.write(checksText(runChecks(machine)));
    return;
  }
  const { method, passedOver } = chooseMethod(settings.method, machine);
  for (const reason of passedOver) say(reason);
  if (settings.pid !== null) requireProcess(settings.pid, method);
  const signals = new Signals();
  try {
    let flush = (_token: number | null): void => undefined;
    const signal = signals
      .stopRequested({ dump: () => flush(null), hangUp: null })
      .then((): End => ({ by: 'signal' }));
    const output =
      settings.to === '-'
        ? ProbeOutput.standardOutput()
        : await ProbeOutput.connect(settings.to, (token) => flush(token));
    // A proxy cuts off who says nothing; to attach may take a while.
    if (settings.to !== '-') output.write({ type: 'starting' });
    const patience = patienceNeeded(method);
    if (patience !== null) say(patience);
    const recording = new Recording(output);
    let tellDeath = (_end: End): void => undefined;
    const death = new Promise<End>((resolve) => (tellDeath = resolve));
    const filter = {
      proxyPort: settings['proxy-port'],
      serverPort: settings['server-port'],
      pid: settings.pid,
    };
    const sink: ProducerSink = {
      attached: (events) =>
        recording.attach(method, events, machine.version(method) ?? method, machine.kernel, filter),
      record: (record) => recording.record(record),
      died: (problem) => tellDeath({ by: 'tool', problem }),
    };
    const { interval, events } = settings;
    const starting = startProducer(method, machine, { filter, interval, events }, sink, say);
    const first = await Promise.race([starting, signal, output.gone]);
    // Its guard ends what is still starting.
    if ('by' in first) return conclude(first);
    flush = (token) => void recording.flush(first, token);
    const by = first.events === undefined ? '' : ` by ${first.events}`;
    say(`Tracing with ${first.tool}${by}… Ctrl-C to end.`);
    const end = await Promise.race([signal, output.gone, death, timeUp(settings.duration)]);
    if (end.by !== 'tool') await first.stop();
    recording.detach(end.by === 'tool' ? end.problem : end.by);
    await output.close();
    conclude(end);
  } finally {
    signals.release();
  }
}

/** @throws {ProbeError} when that is no good end */
function conclude(end: End): void {
  switch (end.by) {
    case 'tool':
      throw new ProbeError('PROBE_DIED', `the kernel helper has ended: ${end.problem}`);
    case 'refusal':
      throw new ProbeError('PROBE_REFUSED', `the proxy refuses this helper: ${escapeLine(end.reason)}`);
    case 'proxy':
      say('The proxy has gone: it has closed the connection.');
      break;
    case 'signal':
    case 'duration':
    case 'reader':
      break;
  }
}

/** What is written, from `attach` to `detach`. */
class Recording {
  readonly #output: ProbeOutput;
  #lost = 0;

  constructor(output: ProbeOutput) {
    this.#output = output;
  }

  attach(
    method: string,
    events: Events | undefined,
    tool: string,
    kernel: string,
    { proxyPort, serverPort, pid }: Filter,
  ): void {
    this.#output.write({
      type: 'attach',
      schema: PROBE_SCHEMA,
      method,
      ...(events !== undefined && { events }),
      tool,
      kernel,
      ...moment(),
      filter: {
        ...(proxyPort !== null && { proxy_port: proxyPort }),
        ...(serverPort !== null && { server_port: serverPort }),
        ...(pid !== null && { pid }),
      },
    });
  }

  record(record: SocketRecord): void {
    const refused = this.#output.takeRefused();
    if (refused > 0) this.record({ type: 'lost', count: refused, clock_us: clockUs() });
    if (record.type === 'lost') this.#lost += record.count;
    if (record.type === 'run') this.#output.writeRun(record);
    else this.#output.write(record);
  }

  async flush(producer: Producer, token: number | null): Promise<void> {
    await producer.flush();
    if (token !== null) this.#output.write({ type: 'flushed', token, clock_us: clockUs() });
  }

  detach(reason: string): void {
    this.#output.write({ type: 'detach', ...moment(), lost: this.#lost, reason });
  }
}

/** Now, on the calendar and on the steady clock. */
function moment(): { readonly at: string; readonly clock_us: number } {
  const us = Math.round((performance.timeOrigin + performance.now()) * 1000);
  const seconds = new Date(us / 1000).toISOString().slice(0, 'YYYY-MM-DDThh:mm:ss'.length);
  return { at: `${seconds}.${String(us % 1_000_000).padStart(6, '0')}Z`, clock_us: clockUs() };
}

function timeUp(durationMs: number | null): Promise<End> {
  return new Promise((resolve) => {
    if (durationMs !== null) setTimeout(resolve, durationMs, { by: 'duration' });
  });
}

function say(text: string): void {
  process.stderr.write(`pgnetflow probe: ${text}\n`);
}
