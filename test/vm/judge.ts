import { parseRecordLine } from '../../src/backend/trace/bpftrace_line.ts';
import type { StatementSummary, SummaryRecord } from '../../src/backend/trace/summary.ts';
import type { ReportRecord } from '../../src/report/model.ts';
import { differences, readRecording } from '../support/probe_recording.ts';

/**
 * What is wrong with a run of netflow.sh, a sentence each: records that contradict each other, figures of the kernel
 * that are not the report's, and an experiment that was not what it should have been.
 */
export function judge(report: ReportRecord, probe: string): string[] {
  const recording = readRecording(probe);
  const faults = [...recording.faults];
  for (const type of ['lost', 'flushed', 'detach']) {
    const [found, expected] = [recording.counts.get(type) ?? 0, type === 'lost' ? 0 : 1];
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
 * @param recording what fsync.stp printed
 * @param summary what `pgnetflow trace fsync --json --records` makes of it
 * @param said what SystemTap said on standard error
 */
export function judgeFsync(
  { inserts, before, after }: FsyncRun,
  recording: string,
  summary: SummaryRecord,
  said: string,
): string[] {
  const lines = recording.trimEnd().split('\n');
  const records = lines.map(parseRecordLine);
  const faults = lines.filter((_, at) => records[at] === null).map((line) => `no record: ${line}`);
  const expect = (what: string, found: unknown, expected: unknown): void => {
    if (found !== expected) faults.push(`${what}: ${String(found)} instead of ${String(expected)}`);
  };
  const atLeast = (what: string, found: number, least: number): void => {
    if (!(found >= least)) faults.push(`${what}: ${found}, fewer than ${least}`);
  };
  const statement = (beginning: string): StatementSummary | undefined =>
    summary.statements.find(({ who, query }) => who === CLIENT && query?.startsWith(beginning));

  if (said.trim() !== '') faults.push(`SystemTap said: ${said.trim()}`);
  expect('the first record', records[0]?.type, 'attach');
  expect('the last record', records.at(-1)?.type, 'detach');
  expect('events lost', summary.lost, 0);

  const copied = statement('create database copied');
  atLeast('fsyncs of a copied database', copied?.fsyncs ?? 0, 100);
  atLeast('its opens, for each file is read, written and synced', copied?.opens ?? 0, copied?.fsyncs ?? 1);

  // The WAL writer may have synced what a commit would have.
  const inserted = summary.statements.filter(
    ({ who, query }) => who === CLIENT && query?.startsWith('insert into noted'),
  );
  const commits = inserted.reduce((sum, { wal_fsyncs: fsyncs }) => sum + fsyncs, 0);
  atLeast('fsyncs of WAL by inserts', commits, Math.ceil(inserts * 0.8));
  atLeast('inserts', inserts, commits);
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

const CLIENT = 'client backend';
