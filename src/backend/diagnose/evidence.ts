import type { ActivityRow } from './activity_rows.ts';
import { formatSocketAddress } from './descriptors.ts';
import { valueOf } from './fact.ts';
import type { BackendFacts, Sample } from './facts.ts';
import { processKind } from '../process_kind.ts';
import { TICKS_PER_SECOND } from './process_status.ts';
import { blockedRequests, pendingRequests } from './signals.ts';
import type { SystemCall } from './system_calls.ts';

type Call = Extract<SystemCall, { kind: 'call' }>;

/** Kinds of processes that work for somebody, and may be cancelled. */
const WORKING_FOR_OTHERS: ReadonlySet<string> = new Set([
  'client backend',
  'parallel worker',
  'background worker',
  'autovacuum worker',
  'walsender',
  'postmaster',
]);

function ownProcess({ title }: BackendFacts): string | null {
  if (title === null || title.client !== null) return null;
  const { kind } = processKind(title.text);
  return WORKING_FOR_OTHERS.has(kind) ? null : kind;
}

/** What the facts say, put as the rules ask for it. What could not be had speaks for nothing. */
export class Evidence {
  readonly facts: BackendFacts;
  readonly samples: readonly Sample[];
  readonly first: Sample;
  readonly last: Sample;
  /** `Lock`, `LWLock`, …, and the event; null when the server told none. */
  readonly waitType: string | null;
  readonly waitEvent: string | null;
  /** Lower case; of the server, or else of the process's title; empty when neither tells. */
  readonly activity: string;
  /** Lower case; what the title alone says. */
  readonly title: string;
  /** `checkpointer`, `walwriter`, …: a process that serves the server itself; null for one that serves a client. */
  readonly ownProcess: string | null;
  readonly blockers: readonly ActivityRow[];
  readonly workers: readonly ActivityRow[];
  /** Functions on both stacks: those in which it stayed. */
  readonly #functions: ReadonlySet<string>;

  constructor(facts: BackendFacts) {
    const activity = valueOf(facts.activity);
    this.facts = facts;
    this.samples = facts.samples;
    this.first = facts.samples[0]!;
    this.last = facts.samples.at(-1)!;
    this.waitType = activity?.backend.wait_event_type ?? null;
    this.waitEvent = activity?.backend.wait_event ?? null;
    this.activity = (activity?.backend.state ?? facts.title?.activity ?? '').toLowerCase();
    this.title = (facts.title?.activity ?? '').toLowerCase();
    this.ownProcess = ownProcess(facts);
    this.blockers = activity?.blockers ?? [];
    this.workers = activity?.workers ?? [];
    this.#functions = commonFunctions(facts);
  }

  /** Every sample found it in one of these states. */
  always(states: string): boolean {
    return this.samples.every(({ state }) => states.includes(state));
  }

  /** More than half of the samples did. */
  mostly(states: string): boolean {
    return this.samples.filter(({ state }) => states.includes(state)).length * 2 > this.samples.length;
  }

  /** One of these functions is on its stack, and stayed there. */
  inFunction(...names: readonly string[]): boolean {
    return names.some((name) => this.#functions.has(name));
  }

  /** The system call in which every sample found it, whatever its arguments; null when it moved. */
  get call(): Call | null {
    const [one, ...others] = this.samples.map(({ call }) => valueOf(call));
    if (one?.kind !== 'call') return null;
    return others.every((other) => other?.kind === 'call' && other.number === one.number) ? one : null;
  }

  /** It sleeps in one of these system calls. */
  inCall(...names: readonly string[]): boolean {
    const { call } = this;
    return call !== null && this.always('SD') && names.includes(call.name);
  }

  /** Whether some sample found it in a system call; null when nobody could tell. */
  get entersKernel(): boolean | null {
    const calls = this.samples.map(({ call }) => valueOf(call)).filter((call) => call !== null);
    return calls.length === 0 ? null : calls.some(({ kind }) => kind === 'call');
  }

  /** What it waits for on its client's socket: that the client sends, or that it takes. */
  get waitsForClientTo(): 'send' | 'take' | null {
    if (this.waitEvent === 'ClientWrite') return 'take';
    if (this.waitEvent === 'ClientRead') return 'send';
    const { call } = this;
    const descriptors = valueOf(this.facts.descriptors);
    if (call === null || call.fd === null || descriptors === null || !this.always('S')) return null;
    const of = descriptors.find(({ fd }) => fd === call.fd);
    if (of?.kind === 'epoll') {
      const sockets = new Set(descriptors.filter(({ kind }) => kind === 'socket').map(({ fd }) => fd));
      const watch = of.watches.find(({ fd }) => sockets.has(fd));
      if (watch === undefined) return null;
      return watch.events.includes('OUT') ? 'take' : 'send';
    }
    if (of?.kind !== 'socket') return null;
    if (['sendto', 'sendmsg', 'write', 'writev'].includes(call.name)) return 'take';
    return ['recvfrom', 'recvmsg', 'read', 'readv'].includes(call.name) ? 'send' : null;
  }

  /** Bytes that its client has not taken; null when nobody could tell. */
  get queuedForClient(): number | null {
    return valueOf(this.facts.tcp)?.[1].sendQueue ?? null;
  }

  /** Bytes that its client took during the samples; null when nobody could tell. */
  get takenByClient(): number | null {
    const tcp = valueOf(this.facts.tcp);
    return tcp === null ? null : tcp[1].bytesAcked - tcp[0].bytesAcked;
  }

  /** Its client in words. */
  get clientName(): string {
    const client = valueOf(this.facts.client);
    if (client !== null) return `client ${formatSocketAddress(client.peer)}`;
    return this.facts.title?.client?.port === 0 ? 'client on the Unix-domain socket' : 'client';
  }

  /** Requests to cancel or to end that no sample found taken. */
  get ignoredRequests(): string[] {
    return this.#inEverySample(pendingRequests);
  }

  /** Those of them that were blocked all the time. */
  get blockedRequests(): string[] {
    return this.#inEverySample(blockedRequests);
  }

  /** How often it gave up its processor by itself, to wait for something. */
  get waits(): number {
    return this.last.voluntarySwitches - this.first.voluntarySwitches;
  }

  get cpuSeconds(): number {
    return this.userSeconds + this.systemSeconds;
  }

  get userSeconds(): number {
    return (this.last.userTicks - this.first.userTicks) / TICKS_PER_SECOND;
  }

  get systemSeconds(): number {
    return (this.last.systemTicks - this.first.systemTicks) / TICKS_PER_SECOND;
  }

  get seconds(): number {
    return (this.last.atMs - this.first.atMs) / 1000;
  }

  #inEverySample(pick: (signals: Sample['signals']) => string[]): string[] {
    return pick(this.first.signals).filter((name) =>
      this.samples.every(({ signals }) => pick(signals).includes(name)),
    );
  }
}

function commonFunctions({ stacks }: BackendFacts): ReadonlySet<string> {
  const [one, ...others] = stacks.map(valueOf).filter((stack) => stack !== null);
  return new Set(one?.filter((name) => others.every((stack) => stack.includes(name))));
}
