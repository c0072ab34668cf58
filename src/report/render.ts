import { renderCsv } from './csv.ts';
import { renderJson } from './json.ts';
import type { ReportRecord } from './model.ts';
import { renderText } from './text.ts';

/** Renders a report piece by piece: the whole may be longer than the longest string. */
export type Renderer = (report: ReportRecord) => Iterable<string>;

/** The values of `--report`. */
export const REPORT_FORMATS = ['text', 'json', 'csv', 'none'] as const;

export type ReportFormat = (typeof REPORT_FORMATS)[number];

export const RENDERERS: Readonly<Record<ReportFormat, Renderer>> = {
  text: renderText,
  json: renderJson,
  csv: renderCsv,
  none: () => [],
};
