import { BpftraceProducer } from './bpftrace.ts';
import { type Checked, type Machine, obstacles, runChecks } from './checks.ts';
import { ProbeError } from './probe_error.ts';
import type { Producer, ProducerSink } from './producer.ts';
import type { Filter, Method } from './record.ts';
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

export function startProducer(
  method: Method,
  machine: Machine,
  filter: Filter,
  intervalMs: number,
  sink: ProducerSink,
): Promise<Producer> {
  const tool = machine.version(method) ?? method;
  const start: Readonly<Record<Method, () => Promise<Producer>>> = {
    stap: () => StapProducer.start(tool, filter, sink),
    bpftrace: () => BpftraceProducer.start(tool, filter, sink),
    ss: () => SsProducer.start(tool, filter, intervalMs, sink),
  };
  return start[method]();
}
