import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { type Connect, readActivity } from './activity.ts';
import { findClient, readTcpInfo } from './client_socket.ts';
import { parseDescriptor, parseSockets, type Descriptor } from './descriptors.ts';
import { type Fact, absent, known, mapFact, valueOf } from './fact.ts';
import type { Facts, Sample } from './facts.ts';
import { ProcFiles } from './proc_files.ts';
import { parseStat, parseStatus, type ProcessStat, TICKS_PER_SECOND } from './process_status.ts';
import { parseProcessTitle } from './process_title.ts';
import { parseKernelStack } from './stack_text.ts';
import { parseSystemCall } from './system_calls.ts';
import { readUserStack, type StackPrograms } from './user_stack.ts';

export interface CollectOptions {
  readonly samples: number;
  readonly stack: StackPrograms;
  /** Null: the server is not asked. */
  readonly connect: Connect | null;
  /** When the process that is meant must have begun, by the system's clock; null when any is meant. */
  readonly startedBetweenMs: readonly [number, number] | null;
  /** Ends it early: programs are killed, what is left is absent. */
  readonly signal: AbortSignal | null;
}

/** Between two samples. */
const INTERVAL_MS = 100;

/** The time of boot is known to a second, and clocks are set. */
const CLOCK_SLACK_MS = 2000;

const SS_TIMEOUT_MS = 3000;

/** The postmaster and its children have this name, whatever they write over their command line. */
const BACKEND_NAMES = new Set(['postgres', 'postmaster', 'edb-postgres']);

/** Finds out what there is to find out about a process; never throws for what the process is or does. */
export async function collectFacts(pid: number, options: CollectOptions): Promise<Facts> {
  const files = new ProcFiles(pid);
  const stat = await readStat(files);
  if (stat === null) return { kind: isThere(pid) ? 'hidden' : 'gone', pid, name: null };
  const commandLine = valueOf(await files.text('cmdline')) ?? '';
  const title = parseProcessTitle(commandLine);
  // A zombie has no command line any more.
  const isBackend = BACKEND_NAMES.has(stat.name) && (title !== null || 'ZX'.includes(stat.state));
  if (!isBackend) {
    // No title, and no zombie: no other process of the server's has its command line.
    const isPostmaster = BACKEND_NAMES.has(stat.name) && commandLine !== '';
    return { kind: isPostmaster ? 'postmaster' : 'not_a_backend', pid, name: stat.name };
  }

  const startedAtMs = await startOf(stat);
  // Before anything is done to it: a pid is given anew once its process has ended.
  if (!isMeant(startedAtMs, options.startedBetweenMs)) return { kind: 'another', pid, name: stat.name };
  const descriptors = await readDescriptors(files);
  const client = findClient(title, descriptors);
  const bounds = { timeoutMs: SS_TIMEOUT_MS, signal: options.signal };
  const [activity, tcpBefore] = await Promise.all([
    readActivity(pid, startedAtMs, options.connect),
    readTcpInfo(client, bounds),
  ]);
  const stackBefore = await stackOf(pid, stat.state, options);
  const samples = await takeSamples(files, stat, options);
  if (samples === null) return { kind: 'gone', pid, name: null };
  // Once is enough to see that it cannot be had, above all when a program had to be killed.
  const stackAfter = stackBefore.known ? [await stackOf(pid, samples.at(-1)!.state, options)] : [];
  const tcpAfter = await readTcpInfo(client, bounds);
  return {
    kind: 'backend',
    pid,
    title,
    startedAtMs,
    samples,
    stacks: [stackBefore, ...stackAfter],
    descriptors,
    client,
    tcp: tcpBefore.known ? mapFact(tcpAfter, (after) => [tcpBefore.value, after] as const) : tcpBefore,
    activity,
  };
}

function isMeant(startedAtMs: number, between: CollectOptions['startedBetweenMs']): boolean {
  if (between === null) return true;
  const [from, to] = between;
  return startedAtMs >= from - CLOCK_SLACK_MS && startedAtMs <= to + CLOCK_SLACK_MS;
}

/** @returns null when the process has ended, or another one has its pid now */
async function takeSamples(
  files: ProcFiles,
  { startTicks }: ProcessStat,
  { samples: wanted, stack, signal }: CollectOptions,
): Promise<Sample[] | null> {
  // It may still be on its way back to where it was stopped for its stack.
  if (stack !== 'none') await setTimeout(INTERVAL_MS);
  const began = performance.now();
  const samples: Sample[] = [];
  for (let at = 0; at < wanted; at += 1) {
    if (at > 0 && signal?.aborted === true) break;
    if (at > 0) await setTimeout(INTERVAL_MS);
    const found = await takeSample(files, at === 0 ? 0 : performance.now() - began);
    if (found === null || found.startTicks !== startTicks) return null;
    samples.push(found.sample);
  }
  return samples;
}

async function takeSample(
  files: ProcFiles,
  atMs: number,
): Promise<{ readonly sample: Sample; readonly startTicks: number } | null> {
  const [stat, status, syscall, wchan, stack] = await Promise.all([
    readStat(files),
    files.text('status'),
    files.text('syscall'),
    files.text('wchan'),
    files.text('stack'),
  ]);
  const more = status.known ? parseStatus(status.value) : null;
  if (stat === null || more === null) return null;
  const { state, userTicks, systemTicks } = stat;
  const sample: Sample = {
    atMs,
    state,
    userTicks,
    systemTicks,
    voluntarySwitches: more.voluntarySwitches,
    involuntarySwitches: more.involuntarySwitches,
    signals: more.signals,
    tracerPid: more.tracerPid,
    // Of a stopped process the registers are those of its signal handling.
    call: 'Tt'.includes(state)
      ? absent('a stopped process is in no system call')
      : understood(syscall, (text) => parseSystemCall(text, process.arch), '/proc/PID/syscall'),
    wchan: understood(wchan, (text) => (text === '0' ? null : text.trim()), '/proc/PID/wchan'),
    kernelStack: mapFact(stack, parseKernelStack),
  };
  return { sample, startTicks: stat.startTicks };
}

function understood<T>(fact: Fact<string>, parse: (text: string) => T | null, name: string): Fact<T> {
  if (!fact.known) return fact;
  const value = parse(fact.value);
  return value === null ? absent(`${name} does not tell, or not this user`) : known(value);
}

async function readStat(files: ProcFiles): Promise<ProcessStat | null> {
  const text = await files.text('stat');
  return text.known ? parseStat(text.value) : null;
}

async function readDescriptors(files: ProcFiles): Promise<Fact<readonly Descriptor[]>> {
  const names = await files.list('fd');
  if (!names.known) return names;
  const [tcp, tcp6, unix] = await Promise.all(
    ['net/tcp', 'net/tcp6', 'net/unix'].map(async (name) => valueOf(await files.text(name)) ?? ''),
  );
  const sockets = parseSockets(`${tcp}\n${tcp6}`, unix!);
  const found = await Promise.all(
    names.value.map(async (name) => {
      const link = valueOf(await files.link(`fd/${name}`));
      if (link === null) return null;
      const fdinfo = link.includes('eventpoll') ? valueOf(await files.text(`fdinfo/${name}`)) : '';
      return parseDescriptor(Number(name), link, fdinfo ?? '', sockets);
    }),
  );
  return known(found.filter((descriptor) => descriptor !== null));
}

/** A tracer cannot attach to some, and would leave its mark on others. */
async function stackOf(
  pid: number,
  state: string,
  options: CollectOptions,
): Promise<Fact<readonly string[]>> {
  if (state === 'T')
    return absent('not tried: the SIGSTOP of a tracer would stay behind in a stopped process');
  if (state === 'D') return absent('not tried: a tracer would hang in its uninterruptible sleep, too');
  if ('tZX'.includes(state)) return absent('not tried: the process is traced already, or has ended');
  return readUserStack(pid, options.stack, options.signal);
}

/** When a process began, by the system's clock, to a hundredth of a second or so. */
async function startOf({ startTicks }: ProcessStat): Promise<number> {
  return (await bootTimeMs()) + (startTicks * 1000) / TICKS_PER_SECOND;
}

async function bootTimeMs(): Promise<number> {
  const found = /^btime (\d+)$/m.exec(await readFile('/proc/stat', 'utf8'));
  return Number(found?.[1]) * 1000;
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
