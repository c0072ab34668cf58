import { escapeLine } from './escape.ts';
import type {
  KernelCertificateRecord,
  KernelHelperRecord,
  SessionKernelRecord,
  VerdictsRecord,
} from './model.ts';

/** Below the line of a session: what the kernel says of it, a sentence each. */
export function kernelRemarks({ verdict, causes, counts }: SessionKernelRecord): string[] {
  const remarks: string[] = [];
  if (counts !== null && counts.R.backend_operations !== null) {
    const { R, S } = counts;
    remarks.push(
      `backend R/W: ${R.backend_operations} reads, ${S.backend_operations} writes; ` +
        `proxy to server: ${R.writes} writes, ${S.reads} reads`,
    );
  }
  const name = verdict === 'mismatch' ? 'kernel MISMATCH' : `kernel ${verdict}`;
  if (counts !== null) remarks.push(...recordRemarks(counts), ...segmentRemarks(counts));
  for (const { code, leg, direction, text } of causes) {
    // That nobody counted is no remark.
    if (code === 'no_helper') continue;
    const where = [leg, direction].filter((part) => part !== null).join(' ');
    remarks.push(escapeLine(`${name}: ${where === '' ? '' : `${where}: `}${text}`));
  }
  return remarks;
}

/** TLS records that pgnetflow read and wrote on each leg, where they are known. */
function recordRemarks({ R, S }: NonNullable<SessionKernelRecord['counts']>): string[] {
  const legs = [
    ['client', R.tls_records.client, S.tls_records.client],
    ['server', S.tls_records.server, R.tls_records.server],
  ] as const;
  const known = legs.filter(([, into, outOf]) => into !== null || outOf !== null);
  if (known.length === 0) return [];
  const told = known.map(([leg, into, outOf]) => `${leg} ${into ?? '-'} in, ${outOf ?? '-'} out`);
  return [`TLS records: ${told.join('; ')}`];
}

/** Segments that pgnetflow's kernel sent and received on each leg, where the method knows them. */
function segmentRemarks({ R, S }: NonNullable<SessionKernelRecord['counts']>): string[] {
  const count = (value: number | null): string => (value === null ? '-' : String(value));
  const legs = [
    ['client', R.segments.client, S.segments.client, S.retransmits.client],
    ['server', S.segments.server, R.segments.server, R.retransmits.server],
  ] as const;
  const known = legs.filter(([, into, outOf]) => into !== null || outOf !== null);
  if (known.length === 0) return [];
  const told = known.map(
    ([leg, into, outOf, again]) =>
      `${leg} ${count(into)} in, ${count(outOf)} out (${count(again)} of them again)`,
  );
  return [`TCP data segments: ${told.join('; ')}`];
}

/** The certificate of the kernel's count, at the end of the report. */
export function certificateLines(certificate: KernelCertificateRecord): string[] {
  const { helpers, lost, damaged, damaged_lines, orphans, coverage, sessions, statements } = certificate;
  const percent = (value: number | null): string => (value === null ? '-' : `${value} %`);
  const lines = [
    "certificate of the kernel's count",
    ...helpers.map((helper) => `  counted by ${helperLine(helper)}`),
    `  coverage, of bytes: client ${percent(coverage.client)}, server ${percent(coverage.server)}, backend ${percent(coverage.backend)}`,
    `  records lost: ${lost}, lines damaged: ${damaged}, records of unknown sockets: ${orphans}`,
    ...damaged_lines.map(({ line, problem }) => `  line ${line}: ${escapeLine(problem)}`),
    `  sockets of no session: ${certificate.other_sockets}, forgotten: ${certificate.forgotten_sockets}`,
    `  sessions: ${verdicts(sessions)}`,
    `  statements: ${verdicts(statements)}`,
  ];
  if (certificate.unlisted_sessions > 0)
    lines.push(`  sessions not listed, and so not compared: ${certificate.unlisted_sessions}`);
  return lines;
}

function helperLine(helper: KernelHelperRecord): string {
  const { method, events, tool, kernel_version, state, attached_at, detached_at, detach_reason, lost } =
    helper;
  const by = events === null ? '' : ` by ${events}`;
  const reason = detach_reason === null ? '' : ` (${detach_reason})`;
  const until = {
    attached: 'and still attached',
    detached: `to ${detached_at ?? 'an unknown time'}${reason}`,
    gone: 'and gone without a word',
  }[state];
  return escapeLine(
    `${method ?? 'an unknown method'}${by} (${tool ?? 'unknown tool'}) on kernel ${kernel_version ?? 'unknown'}, ` +
      `from ${attached_at ?? 'an unknown time'} ${until}, ${lost} records lost`,
  );
}

function verdicts({ ok, explained, mismatch, unchecked }: VerdictsRecord): string {
  return `${ok} ok, ${explained} explained, ${mismatch} mismatch, ${unchecked} unchecked`;
}
