import type { StatementSummary, SummaryRecord } from '../../src/backend/trace/summary.ts';
import type { Method } from '../../src/kernel/probe/record.ts';
import type { ReportRecord } from '../../src/report/model.ts';
import {
  type RecordedSocket,
  type Recording,
  differences,
  readRecording,
} from '../support/probe_recording.ts';

/**
 * What is wrong with a run of load.sh, a sentence each: records that contradict each other, figures of the kernel
 * that are not the report's, and an experiment that was not what it should have been.
 */
export function judge(
  report: ReportRecord,
  probe: string,
  how: 'flushed once' | 'without flush' = 'flushed once',
): string[] {
  const recording = readRecording(probe);
  const faults = [...recording.faults];
  const times = { lost: 0, flushed: how === 'flushed once' ? 1 : 0, detach: 1 };
  for (const [type, expected] of Object.entries(times)) {
    const found = recording.counts.get(type) ?? 0;
    if (found !== expected) faults.push(`${found} records "${type}" instead of ${expected}`);
  }
  for (const session of report.sessions) {
    if (!session.balanced) faults.push(`session ${session.id}: its own books do not balance`);
    faults.push(...differences(session, recording));
  }
  const late = recording.sockets.filter(({ send, recv }) => send.from > 0 || recv.from > 0);
  // The three sockets of the session that began before the probe.
  if (late.length !== 3) faults.push(`${late.length} sockets were seen late instead of 3`);
  return faults;
}

/**
 * What is wrong with the kernel's part of a report of load.sh, a sentence each.
 *
 * @param method of the helper that was attached to the proxy until the end
 */
export function judgeWitnessed({ kernel, sessions }: ReportRecord, method: Method): string[] {
  if (kernel === null) return ['the report has no certificate of the kernel'];
  const faults: string[] = [];
  const expect = (what: string, found: unknown, expected: unknown): void => {
    if (found !== expected) faults.push(`${what}: ${String(found)} instead of ${String(expected)}`);
  };
  const [helper] = kernel.helpers;
  expect('helpers', kernel.helpers.length, 1);
  expect('method', helper?.method, method);
  expect('state of the helper', helper?.state, 'attached');
  for (const what of ['lost', 'damaged', 'orphans', 'forgotten_sockets', 'unlisted_sessions'] as const) {
    expect(what, kernel[what], 0);
  }
  for (const what of ['mismatch', 'unchecked'] as const) {
    expect(`sessions with ${what}`, kernel.sessions[what], 0);
    expect(`statements with ${what}`, kernel.statements[what], 0);
  }
  expect('sessions with a verdict', kernel.sessions.ok + kernel.sessions.explained, sessions.length);
  // Only of the session that began before the helper some bytes are not known.
  for (const [leg, percent] of Object.entries(kernel.coverage)) {
    if ((percent ?? 0) < 99) faults.push(`coverage of ${leg}: ${percent} %`);
  }
  const late = sessions.filter((session) =>
    session.kernel.causes.some(({ code }) => code === 'attached_late'),
  );
  expect('sessions from before the helper', late.length, 1);
  return faults;
}

/** Where two recordings of the same sockets differ in bytes or operations, a sentence each. */
export function judgeAlike(one: Recording, other: Recording): string[] {
  const [texts, others] = [one, other].map(({ sockets }) => sockets.map(socketText).toSorted());
  const missing = (from: readonly string[], of: readonly string[]): string[] =>
    of.filter((text) => !from.includes(text));
  return [
    ...missing(others!, texts!).map((text) => `the first has, and this has not: ${text}`),
    ...missing(texts!, others!).map((text) => `this has, and the first has not: ${text}`),
  ];
}

function socketText({ pid, local, remote, send, recv }: RecordedSocket): string {
  const text = ({ from, end, ops }: typeof send): string => `${ops} operations from ${from} to ${end}`;
  return `${pid} ${local} ${remote}: sent ${text(send)}, received ${text(recv)}`;
}

/** What fsync.sh asked the server, before and after. */
export interface ServerSaid {
  readonly next_id: number;
  /** Of WAL, by client backends. */
  readonly wal_fsyncs: number;
  readonly checkpointer_slru_pages: number;
}

export interface FsyncRun {
  /** How many rows were inserted, one per transaction. */
  readonly inserts: number;
  readonly before: ServerSaid;
  readonly after: ServerSaid;
}

const IDS_PER_CLOG_PAGE = 32_768;

/**
 * What is wrong with a run of fsync.sh, a sentence each: lines that are no records, probes that were skipped, and figures
 * that are not those of the server.
 *
 * @param summary what `pgnetflow trace fsync --json --records` makes of what fsync.stp printed
 * @param said what SystemTap said on standard error
 */
export function judgeFsync(
  { inserts, before, after }: FsyncRun,
  summary: SummaryRecord,
  said: string,
): string[] {
  const faults = recordingFaults(summary, said);
  const expect = (what: string, found: unknown, expected: unknown): void => {
    if (found !== expected) faults.push(`${what}: ${String(found)} instead of ${String(expected)}`);
  };
  const atLeast = (what: string, found: number, least: number): void => {
    if (!(found >= least)) faults.push(`${what}: ${found}, fewer than ${least}`);
  };
  const statement = (beginning: string): StatementSummary | undefined =>
    summary.statements.find(({ who, query }) => who === CLIENT && query?.startsWith(beginning));

  const copied = statement('create database copied');
  atLeast('fsyncs of a copied database', copied?.fsyncs ?? 0, 100);
  atLeast('its opens, for each file is read, written and synced', copied?.opens ?? 0, copied?.fsyncs ?? 1);

  const strange = 'create table "nöt \\x"" ed" (i int);';
  expect('a text with a tab, a newline and a backslash', statement('create table "')?.query, strange);
  const inserted = statement('insert into noted');
  expect('a text that was cut', /^insert into noted values \(1, 'ä+$/.test(inserted?.query ?? ''), true);
  // The WAL writer may have synced what a commit would have.
  atLeast('fsyncs of WAL by inserts', inserted?.wal_fsyncs ?? 0, Math.ceil(inserts * 0.8));
  atLeast('inserts', inserts, inserted?.calls ?? Infinity);
  const wal = summary.by.find(({ who }) => who === CLIENT)?.wal_fsyncs;
  expect('fsyncs of WAL by client backends', wal, after.wal_fsyncs - before.wal_fsyncs);

  const pageOf = (id: number): number => Math.floor((id - 1) / IDS_PER_CLOG_PAGE);
  const begun = pageOf(after.next_id) - pageOf(before.next_id);
  atLeast('pages of pg_xact to begin', begun, 1);
  expect('pages of pg_xact begun', summary.clog.new_pages, begun);
  expect('of them by the loop', statement('do $$')?.slru_new['pg_xact'], begun);
  expect('different pages of pg_xact written', summary.clog.different_pages, begun + 1);
  const written = summary.by.find(({ who }) => who === 'checkpointer')?.slru_pages ?? {};
  const pages = Object.values(written).reduce((sum, count) => sum + count, 0);
  const counted = after.checkpointer_slru_pages - before.checkpointer_slru_pages;
  expect('SLRU pages written by the checkpointer', pages, counted);
  return faults;
}

export interface OneBackend {
  readonly pid: number;
  readonly wal_fsyncs: number;
}

/** The same of the part of fsync.sh that traces one backend, which inserts while another does. */
export function judgeOneBackend(one: OneBackend, summary: SummaryRecord, said: string): string[] {
  const faults = recordingFaults(summary, said);
  const pids = new Set(summary.statements.map(({ pid }) => pid));
  if (pids.size !== 1 || !pids.has(one.pid))
    faults.push(`traced ${[...pids].join(', ')} instead of ${one.pid}`);
  const [inserted] = summary.statements;
  if (inserted?.query !== "insert into noted values (3, 'by one');") faults.push(`it did ${inserted?.query}`);
  const { wal_fsyncs: fsyncs } = summary.totals;
  if (fsyncs !== one.wal_fsyncs || fsyncs === 0)
    faults.push(`fsyncs of WAL: ${fsyncs}, of the server's own count ${one.wal_fsyncs}`);
  return faults;
}

/** What could not be read, and what is missing. */
function recordingFaults({ damaged_lines: lines, lost, missing }: SummaryRecord, said: string): string[] {
  return [
    ...lines.map(({ line, problem }) => `line ${line}: ${problem}`),
    ...missing.map((type) => `there is no ${type}`),
    ...(lost > 0 ? [`${lost} events lost`] : []),
    ...(said.trim() === '' ? [] : [`SystemTap said: ${said.trim()}`]),
  ];
}

const CLIENT = 'client backend';
