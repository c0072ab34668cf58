import { createReadStream } from 'node:fs';
import { text } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { stdoutSink } from '../export/stdout_sink.ts';
import { KernelLedger } from '../kernel/ledger.ts';
import { reconcile } from '../kernel/reconcile.ts';
import { RecordReader } from '../kernel/record_reader.ts';
import { renderCrosscheck } from '../report/crosscheck_text.ts';
import { renderJson } from '../report/json.ts';
import type { ReportRecord } from '../report/model.ts';
import { readReport } from '../report/read_report.ts';
import type { CrosscheckSettings } from '../settings/crosscheck_settings.ts';
import { describeError } from './describe_error.ts';

/** Offline there is more room than beside a proxy: about 600 MB of runs at worst. */
const LIMITS = { maxRuns: 5_000_000, maxSockets: 500_000 };

/** A file is not what it should be. */
export class CrosscheckInputError extends Error {
  readonly code = 'PGNETFLOW_CROSSCHECK_INPUT';

  constructor(file: string, cause: unknown) {
    super(`${file === '-' ? 'standard input' : file}: ${describeError(cause)}`, { cause });
    this.name = 'CrosscheckInputError';
  }
}

/** The kernel's count contradicts the report. */
export class KernelMismatch extends Error {
  readonly code = 'PGNETFLOW_KERNEL_MISMATCH';

  constructor(mismatches: number, sessions: number) {
    super(`${mismatches} of ${sessions} sessions do not match the kernel's records`);
    this.name = 'KernelMismatch';
  }
}

/**
 * Compares a report with a recording, and prints what was found.
 *
 * @throws {CrosscheckInputError} when a file is not what it should be
 * @throws {KernelMismatch} after all is printed
 */
export async function crosscheck({ report: file, probe, json }: CrosscheckSettings): Promise<void> {
  const report = await readReportFile(file);
  const judged = reconcile(report, await readRecording(probe));
  const stdout = stdoutSink();
  await stdout.write(json ? renderJson(judged) : renderCrosscheck(judged));
  const mismatches = judged.kernel?.sessions.mismatch ?? 0;
  if (mismatches > 0) throw new KernelMismatch(mismatches, judged.sessions.length);
}

async function readReportFile(file: string): Promise<ReportRecord> {
  try {
    return readReport(await text(open(file)));
  } catch (cause) {
    throw new CrosscheckInputError(file, cause);
  }
}

async function readRecording(file: string): Promise<KernelLedger> {
  const ledger = new KernelLedger(LIMITS);
  const reader = new RecordReader(ledger);
  try {
    for await (const chunk of open(file)) reader.read(Buffer.from(chunk));
    reader.end();
    ledger.helperGone();
    // One helper that has said nothing readable: this is something else.
    if (!ledger.helpers.some(({ attach }) => attach !== null) && ledger.sockets === 0)
      throw new Error('it is no recording of pgnetflow probe: not one record in it tells of a socket');
    return ledger;
  } catch (cause) {
    throw new CrosscheckInputError(file, cause);
  }
}

function open(file: string): Readable {
  return file === '-' ? process.stdin : createReadStream(file);
}
