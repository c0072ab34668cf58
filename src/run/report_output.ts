import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import path from 'node:path';
import { findTarget, replaceFile } from '../export/replace_file.ts';
import type { Sink } from '../export/sink.ts';
import type { ReportRecord } from '../report/model.ts';
import { RENDERERS, type ReportFormat } from '../report/render.ts';
import { describeError } from './describe_error.ts';
import { unwritable } from './output_file.ts';

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
export async function checkReportFile(file: string | null): Promise<void> {
  if (file === null) return;
  try {
    const { path: target, existing, isReplaced } = await findTarget(file);
    if (existing?.isDirectory() === true)
      throw Object.assign(new Error('it is a directory'), { code: 'EISDIR' });
    await access(isReplaced ? path.dirname(target) : target, constants.W_OK);
  } catch (error) {
    throw new ReportOutputError(`cannot write the report to ${file}: ${unwritable(file, error)}`, error);
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
  let refused: ReportOutputError | null = null;
  if (file !== null) {
    try {
      await replaceFile(file, render(report));
      return;
    } catch (error) {
      refused = new ReportOutputError(
        `cannot write the report to ${file} (${unwritable(file, error)}); it went to standard output`,
        error,
      );
    }
  }
  try {
    await stdout.write(render(report));
  } catch (error) {
    const both = refused === null ? '' : ` nor to ${file} (${describeError(refused.cause)})`;
    throw new ReportOutputError(
      `cannot write the report to standard output (${describeError(error)})${both}`,
      error,
    );
  }
  if (refused !== null) throw refused;
}
