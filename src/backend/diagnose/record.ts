import type { ActivityRow } from './activity_rows.ts';
import { describeDescriptor, formatSocketAddress } from './descriptors.ts';
import { type Fact, valueOf } from './fact.ts';
import type { BackendFacts, Facts, Sample } from './facts.ts';
import { TICKS_PER_SECOND } from './process_status.ts';
import { judge } from './rules.ts';
import type { TcpInfo } from './tcp_info.ts';

export const DIAGNOSIS_SCHEMA = 'pgnetflow.diagnosis/1';

/** A diagnosis as it is published; names are stable, additions are allowed. What could not be had is null. */
export interface DiagnosisRecord {
  schema: typeof DIAGNOSIS_SCHEMA;
  pid: number;
  verdict: string;
  sentence: string;
  advice: string;
  /** Null when there is no backend. */
  facts: FactsRecord | null;
  /** What could not be had, and why. */
  absent: { fact: string; why: string }[];
}

export interface FactsRecord {
  title: string | null;
  started_at: string;
  samples: SampleRecord[];
  /** Of the last sample. */
  signals: { pending: string[]; blocked: string[]; ignored: string[]; caught: string[] };
  tracer_pid: number | null;
  /** The one that the system call works on, and those that are in it if it is an epoll set. */
  descriptors: { fd: number; what: string }[] | null;
  kernel_stack: string[] | null;
  /** Before the samples and after them. */
  user_stacks: (string[] | null)[];
  client: string | null;
  tcp: TcpRecord | null;
  activity: RowRecord | null;
  blockers: RowRecord[] | null;
  workers: RowRecord[] | null;
}

export interface SampleRecord {
  at_ms: number;
  state: string;
  call: string | null;
  wchan: string | null;
  /** Since the first sample. */
  user_ms: number;
  system_ms: number;
  voluntary_switches: number;
  involuntary_switches: number;
}

/** Bytes unless the name says otherwise; `taken` is what the client acknowledged during the samples. */
export interface TcpRecord {
  state: string;
  send_queue: number;
  not_sent: number;
  taken: number;
  receive_queue: number;
  unacked_segments: number;
  retransmits: number;
  busy_ms: number;
  rwnd_limited_ms: number;
}

export type RowRecord = { -readonly [Column in keyof ActivityRow]: ActivityRow[Column] };

/** The diagnosis over what was found out. */
export function diagnosisRecord(facts: Facts): DiagnosisRecord {
  const { verdict, sentence, advice } = judge(facts);
  const backend = facts.kind === 'backend';
  return {
    schema: DIAGNOSIS_SCHEMA,
    pid: facts.pid,
    verdict,
    sentence,
    advice,
    facts: backend ? factsRecord(facts) : null,
    absent: backend ? absentRecords(facts) : [],
  };
}

function factsRecord(facts: BackendFacts): FactsRecord {
  const last = facts.samples.at(-1)!;
  const { pending, blocked, ignored, caught } = last.signals;
  const activity = valueOf(facts.activity);
  const tcp = valueOf(facts.tcp);
  const client = valueOf(facts.client);
  return {
    title: facts.title?.text ?? null,
    started_at: new Date(facts.startedAtMs).toISOString(),
    samples: facts.samples.map((sample) => sampleRecord(sample, facts.samples[0]!)),
    signals: { pending: [...pending], blocked: [...blocked], ignored: [...ignored], caught: [...caught] },
    tracer_pid: last.tracerPid === 0 ? null : last.tracerPid,
    descriptors: descriptorRecords(facts, last),
    kernel_stack: list(last.kernelStack),
    user_stacks: facts.stacks.map(list),
    client: client === null ? null : formatSocketAddress(client.peer),
    tcp: tcp === null ? null : tcpRecord(...tcp),
    activity: activity === null ? null : rowRecord(activity.backend),
    blockers: activity === null ? null : activity.blockers.map(rowRecord),
    workers: activity === null ? null : activity.workers.map(rowRecord),
  };
}

function list(fact: Fact<readonly string[]>): string[] | null {
  return fact.known ? [...fact.value] : null;
}

function sampleRecord(sample: Sample, first: Sample): SampleRecord {
  const call = valueOf(sample.call);
  const ms = (ticks: number): number => (ticks * 1000) / TICKS_PER_SECOND;
  return {
    at_ms: Math.round(sample.atMs),
    state: sample.state,
    call: call === null ? null : call.kind === 'call' ? call.text : call.kind,
    wchan: valueOf(sample.wchan),
    user_ms: ms(sample.userTicks - first.userTicks),
    system_ms: ms(sample.systemTicks - first.systemTicks),
    voluntary_switches: sample.voluntarySwitches - first.voluntarySwitches,
    involuntary_switches: sample.involuntarySwitches - first.involuntarySwitches,
  };
}

function descriptorRecords(facts: BackendFacts, { call }: Sample): FactsRecord['descriptors'] {
  const descriptors = valueOf(facts.descriptors);
  if (descriptors === null) return null;
  const inCall = valueOf(call);
  const fd = inCall?.kind === 'call' ? inCall.fd : null;
  const used = descriptors.find((descriptor) => descriptor.fd === fd);
  if (used === undefined) return [];
  const watched = used.kind === 'epoll' ? used.watches.map((watch) => watch.fd) : [];
  return [used, ...descriptors.filter((one) => watched.includes(one.fd))].map((descriptor) => ({
    fd: descriptor.fd,
    what: describeDescriptor(descriptor),
  }));
}

function tcpRecord(before: TcpInfo, after: TcpInfo): TcpRecord {
  return {
    state: after.state,
    send_queue: after.sendQueue,
    not_sent: after.notSent,
    taken: after.bytesAcked - before.bytesAcked,
    receive_queue: after.receiveQueue,
    unacked_segments: after.unackedSegments,
    retransmits: after.retransmits,
    busy_ms: after.busyMs,
    rwnd_limited_ms: after.receiveWindowLimitedMs,
  };
}

/** The server has more columns than are published. */
function rowRecord(row: ActivityRow): RowRecord {
  return {
    pid: row.pid,
    backend_type: row.backend_type,
    usename: row.usename,
    datname: row.datname,
    application_name: row.application_name,
    state: row.state,
    wait_event_type: row.wait_event_type,
    wait_event: row.wait_event,
    query: row.query,
    leader_pid: row.leader_pid,
  };
}

/** Each fact by the name under which it is published. */
function absentRecords(facts: BackendFacts): DiagnosisRecord['absent'] {
  const last = facts.samples.at(-1)!;
  const all: readonly (readonly [string, Fact<unknown>])[] = [
    ['call', last.call],
    ['wchan', last.wchan],
    ['descriptors', facts.descriptors],
    ['kernel_stack', last.kernelStack],
    ...facts.stacks.slice(0, 1).map((stack) => ['user_stacks', stack] as const),
    ['client', facts.client],
    ['tcp', facts.tcp],
    ['activity', facts.activity],
  ];
  return all.flatMap(([fact, value]) => (value.known ? [] : [{ fact, why: value.why }]));
}
