import { BpftraceProducer } from './bpftrace.ts';
import { type Checked, eventObstacles, obstacles, runChecks, usableEvents } from './checks.ts';
import { EVENT_CHECKS, flagsPlace } from './events.ts';
import type { Machine } from './machine.ts';
import { ProbeError } from './probe_error.ts';
import type { Producer, ProducerSink } from './producer.ts';
import type { Events, Filter, Method } from './record.ts';
import { SsProducer } from './ss.ts';
import { StapProducer } from './stap.ts';

/** The best first. */
export const METHODS: readonly Method[] = ['stap', 'bpftrace', 'ss'];

export interface Choice {
  readonly method: Method;
  /** Why each better one does not work, a line each. */
  readonly passedOver: readonly string[];
}

/**
 * The method to use: the one that is asked for, or the best that works here.
 *
 * @throws {ProbeError} `PROBE_NOT_POSSIBLE` when it does not work here, with reasons and remedies
 */
export function chooseMethod(wanted: Method | 'auto', machine: Machine): Choice {
  const checked = runChecks(machine);
  if (wanted !== 'auto') {
    const reasons = explain(checked, wanted);
    if (reasons === null) return { method: wanted, passedOver: [] };
    throw new ProbeError('PROBE_NOT_POSSIBLE', `${reasons} (pgnetflow probe --check shows all)`);
  }
  const passedOver: string[] = [];
  for (const method of METHODS) {
    const reasons = explain(checked, method);
    if (reasons === null) return { method, passedOver };
    passedOver.push(reasons);
  }
  throw new ProbeError('PROBE_NOT_POSSIBLE', `nothing counts here: ${passedOver.join('. ')}`);
}

function explain(checked: readonly Checked[], method: Method): string | null {
  const unmet = obstacles(checked, method);
  if (unmet.length === 0) return null;
  return `${method} does not work here: ${unmet.join('; ')}`;
}

/** What a user should know while a method takes its time to start; null for one that does not. */
export function patienceNeeded(method: Method): string | null {
  if (method !== 'stap') return null;
  return 'SystemTap compiles its script for this kernel, which takes minutes the first time… Ctrl-C to end.';
}

/**
 * The kinds of events to try, the best first: the one that is asked for, or all that should work here.
 *
 * @throws {ProbeError} `PROBE_NOT_POSSIBLE` when it does not work here, with reasons and remedies
 */
export function chooseEvents(wanted: Events | 'auto', machine: Machine): Events[] {
  const checked = runChecks(machine, EVENT_CHECKS);
  if (wanted === 'auto') return usableEvents(checked);
  const unmet = eventObstacles(checked, wanted);
  if (unmet.length === 0) return [wanted];
  const reasons = unmet.join('; ');
  throw new ProbeError('PROBE_NOT_POSSIBLE', `${reasons} (pgnetflow probe --check shows all)`);
}

export interface Wanted {
  readonly filter: Filter;
  /** How often ss looks. */
  readonly interval: number;
  /** For bpftrace. */
  readonly events: Events | 'auto';
}

/**
 * @param say told, when a kind of events cannot be attached, why
 * @throws {ProbeError} `PROBE_NOT_STARTED` with the gist of what the tool says, or `PROBE_NOT_POSSIBLE`
 */
export function startProducer(
  method: Method,
  machine: Machine,
  { filter, interval, events }: Wanted,
  sink: ProducerSink,
  say: (text: string) => void,
): Promise<Producer> {
  const tool = machine.version(method) ?? method;
  const start: Readonly<Record<Method, () => Promise<Producer>>> = {
    stap: () => StapProducer.start(tool, filter, sink),
    bpftrace: () => startBpftrace(tool, machine, chooseEvents(events, machine), filter, sink, say),
    ss: () => SsProducer.start(tool, filter, interval, sink),
  };
  return start[method]();
}

/** With the first of these events that can be attached: the checks do not know all that a kernel may lack. */
async function startBpftrace(
  tool: string,
  machine: Machine,
  [events, ...others]: readonly Events[],
  filter: Filter,
  sink: ProducerSink,
  say: (text: string) => void,
): Promise<Producer> {
  if (events === undefined) throw new ProbeError('PROBE_NOT_STARTED', 'bpftrace has no events here');
  const place = events === 'kprobes' ? flagsPlace(machine) : null;
  try {
    return await BpftraceProducer.start(tool, events, place, filter, sink);
  } catch (error) {
    if (!(error instanceof ProbeError) || others.length === 0) throw error;
    say(`${events}: ${error.message}`);
    return startBpftrace(tool, machine, others, filter, sink, say);
  }
}
