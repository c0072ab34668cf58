import { createReadStream } from 'node:fs';
import { text as readText } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { stdoutSink } from '../export/stdout_sink.ts';
import { KernelLedger } from '../kernel/ledger.ts';
import { reconcile } from '../kernel/reconcile.ts';
import { EndlessLine, RecordReader } from '../kernel/record_reader.ts';
import { renderCrosscheck } from '../report/crosscheck_text.ts';
import { renderJson } from '../report/json.ts';
import type { ReportRecord } from '../report/model.ts';
import type { CrosscheckSettings } from '../settings/crosscheck_settings.ts';
import {
  BEGINNING,
  type InputKind,
  notWanted,
  parseReport,
  RECORDING,
  REPORT,
  unreadable,
} from './input_file.ts';

/** Offline there is more room than beside a proxy: about 600 MB of runs at worst. */
const LIMITS = { maxRuns: 5_000_000, maxSockets: 500_000 };

const ifMistaken = 'the order is pgnetflow crosscheck REPORT.json PROBE.ndjson';
const FIRST: InputKind = { ...REPORT, ifMistaken };
const SECOND: InputKind = { ...RECORDING, ifMistaken };

/** The kernel's count contradicts the report. */
export class KernelMismatch extends Error {
  readonly code = 'PGNETFLOW_KERNEL_MISMATCH';

  constructor(mismatches: number, sessions: number) {
    super(`${mismatches} of ${sessions} sessions do not match the kernel's records`);
    this.name = 'KernelMismatch';
  }
}

/** With `--strict`: not every session was compared. */
export class NotAllCompared extends Error {
  readonly code = 'PGNETFLOW_NOT_ALL_COMPARED';

  constructor(problem: string) {
    super(`--strict: ${problem}`);
    this.name = 'NotAllCompared';
  }
}

/**
 * Compares a report with a recording, and prints what was found.
 *
 * @throws {InputFileError} when a file is not what it should be
 * @throws {KernelMismatch} after all is printed
 * @throws {NotAllCompared} after all is printed, if that was asked for
 */
export async function crosscheck({ report: file, probe, json, strict }: CrosscheckSettings): Promise<void> {
  const report = await readReportFile(file);
  const judged = reconcile(report, await readRecording(probe));
  const stdout = stdoutSink();
  await stdout.write(json ? renderJson(judged) : renderCrosscheck(judged));
  const mismatches = judged.kernel?.sessions.mismatch ?? 0;
  if (mismatches > 0) throw new KernelMismatch(mismatches, judged.sessions.length);
  const problem = notCompared(judged);
  if (strict && problem !== null) throw new NotAllCompared(problem);
  if (nothingCompared(judged)) process.stderr.write(`pgnetflow: ${problem}\n`);
}

function many(sessions: number): string {
  return `${sessions} session${sessions === 1 ? '' : 's'}`;
}

function nothingCompared({ sessions }: ReportRecord): boolean {
  return sessions.every(({ kernel }) => kernel.verdict === 'unchecked');
}

/** What keeps the verdict from being one on all sessions; null when nothing does. */
function notCompared(report: ReportRecord): string | null {
  const { sessions, dropped } = report;
  if (sessions.length === 0) return 'nothing could be compared: the report has no session';
  const unchecked = sessions.filter(({ kernel }) => kernel.verdict === 'unchecked').length;
  if (nothingCompared(report))
    return `nothing could be compared: the recording has no socket of the report's ${many(sessions.length)}; was the helper attached then?`;
  if (unchecked > 0) return `${unchecked} of ${many(sessions.length)} could not be compared`;
  return dropped.sessions > 0 ? `${dropped.sessions} sessions were not kept in the report` : null;
}

async function readReportFile(file: string): Promise<ReportRecord> {
  try {
    return parseReport(file, await readText(open(file)), FIRST);
  } catch (cause) {
    throw unreadable(file, FIRST, cause);
  }
}

async function readRecording(file: string): Promise<KernelLedger> {
  const ledger = new KernelLedger(LIMITS);
  const reader = new RecordReader(ledger);
  let beginning = '';
  try {
    for await (const chunk of open(file)) {
      const bytes = Buffer.from(chunk);
      if (beginning === '') beginning = bytes.toString('utf8', 0, BEGINNING);
      reader.read(bytes);
    }
    reader.end();
  } catch (cause) {
    if (cause instanceof EndlessLine) throw notWanted(file, SECOND, beginning, cause.message);
    throw unreadable(file, SECOND, cause);
  }
  ledger.helperGone();
  // One helper that has said nothing readable: this is something else.
  if (!ledger.helpers.some(({ attach }) => attach !== null) && ledger.sockets === 0)
    throw notWanted(file, SECOND, beginning, 'not one record in it tells of a socket');
  return ledger;
}

function open(file: string): Readable {
  return file === '-' ? process.stdin : createReadStream(file);
}
