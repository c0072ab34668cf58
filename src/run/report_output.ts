import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { replaceFile } from '../export/replace_file.ts';
import type { Sink } from '../export/sink.ts';
import type { ReportRecord } from '../report/model.ts';
import { RENDERERS, type ReportFormat } from '../report/render.ts';
import { describeError } from './describe_error.ts';

/** The report is not where it should be. */
export class ReportOutputError extends Error {
  readonly code = 'PGNETFLOW_REPORT_OUTPUT';

  constructor(message: string, cause: unknown) {
    super(message, { cause });
    this.name = 'ReportOutputError';
  }
}

/**
 * Makes sure, before anything is to be reported, that a file can be written where the report is to go.
 *
 * @throws {ReportOutputError}
 */
export function checkReportFile(file: string | null): void {
  if (file === null) return;
  const folder = path.dirname(path.resolve(file));
  try {
    accessSync(folder, constants.W_OK);
  } catch (error) {
    throw new ReportOutputError(
      `cannot write the report to ${file}: no file can be made in ${folder}`,
      error,
    );
  }
}

/**
 * Writes a report to a file, or to standard output when `file` is null or cannot be written.
 *
 * @throws {ReportOutputError} when it could not be written where it should be, even if it went to standard output
 */
export async function writeReport(
  report: ReportRecord,
  format: ReportFormat,
  file: string | null,
  stdout: Pick<Sink, 'write'>,
): Promise<void> {
  if (format === 'none') return;
  const render = RENDERERS[format];
  let refused: unknown = null;
  if (file !== null) {
    try {
      await replaceFile(file, render(report));
      return;
    } catch (error) {
      refused = error;
    }
  }
  try {
    await stdout.write(render(report));
  } catch (error) {
    const both = refused === null ? '' : ` nor to ${file} (${describeError(refused)})`;
    throw new ReportOutputError(
      `cannot write the report to standard output (${describeError(error)})${both}`,
      error,
    );
  }
  if (refused !== null) {
    throw new ReportOutputError(
      `cannot write the report to ${file} (${describeError(refused)}); it went to standard output`,
      refused,
    );
  }
}
