import { formatEndpoint } from './flow_lines.ts';
import { certificateLines, kernelRemarks } from './kernel_text.ts';
import type { ReportRecord, SessionKernelRecord, SessionRecord } from './model.ts';
import { type Column, tableLines } from './table.ts';
import { userAtDatabase } from './text.ts';

const COLUMNS: readonly Column<SessionRecord>[] = [
  { name: 'session', align: 'right', cell: ({ id }) => String(id) },
  { name: 'client', align: 'left', cell: ({ client }) => formatEndpoint(client), max: 21, cut: 'start' },
  { name: 'user@database', align: 'left', cell: userAtDatabase, max: 18 },
  { name: 'kernel', align: 'left', cell: ({ kernel }) => kernel.verdict },
  { name: 'client-leg', align: 'left', cell: ({ kernel }) => socketVerdict(kernel, 'client') },
  { name: 'server-leg', align: 'left', cell: ({ kernel }) => socketVerdict(kernel, 'server') },
  { name: 'backend', align: 'left', cell: ({ kernel }) => socketVerdict(kernel, 'backend') },
  { name: 'statements', align: 'left', cell: statementVerdicts },
];

/** What `pgnetflow crosscheck` prints: a line per session, why it is not ok, and the certificate. Yields lines. */
export function* renderCrosscheck(report: ReportRecord): Generator<string> {
  const [header, ...rows] = tableLines(COLUMNS, report.sessions);
  yield `${header}\n`;
  for (const [index, row] of rows.entries()) {
    yield `${row}\n`;
    for (const remark of kernelRemarks(report.sessions[index]!.kernel)) yield `        ${remark}\n`;
  }
  if (report.kernel === null) return;
  yield '\n';
  for (const line of certificateLines(report.kernel)) yield `${line}\n`;
}

function socketVerdict(kernel: SessionKernelRecord, leg: 'client' | 'server' | 'backend'): string {
  return kernel[leg]?.verdict ?? '-';
}

/** `7 ok, 2 explained`. */
function statementVerdicts({ statements }: SessionRecord): string {
  const found = (['ok', 'explained', 'mismatch', 'unchecked'] as const).flatMap((verdict) => {
    const count = statements.filter(({ kernel }) => kernel?.verdict === verdict).length;
    return count === 0 ? [] : [`${count} ${verdict}`];
  });
  return found.length === 0 ? '-' : found.join(', ');
}
