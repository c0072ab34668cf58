import type { KernelHelperRecord, ReportRecord, SessionRecord, VerdictsRecord } from '../report/model.ts';
import { matchSockets } from './match.ts';
import { reconcileSession } from './reconcile_session.ts';
import type { Helper } from './helper.ts';
import type { KernelLedger } from './ledger.ts';

const NOTHING_SEEN = { client: null, server: null, backend: null } as const;

/**
 * The report with what the kernel says: of each session and statement, and as a whole. The given one stays as it is. When
 * nobody has counted there is nothing to say.
 */
export function reconcile(report: ReportRecord, ledger: KernelLedger): ReportRecord {
  if (ledger.helpers.length === 0) return report;
  const sockets = matchSockets(report, ledger);
  const sessions = report.sessions.map((session) =>
    reconcileSession(session, sockets.get(session) ?? NOTHING_SEEN, ledger),
  );
  const matched = [...sockets.values()].flatMap(({ client, server, backend }) => [client, server, backend]);
  return {
    ...report,
    sessions,
    kernel: {
      helpers: ledger.helpers.map(helperRecord),
      lost: ledger.lost,
      damaged: ledger.damagedCount,
      damaged_lines: ledger.damagedLines.map((line) => ({ ...line })),
      orphans: ledger.orphans,
      other_sockets: ledger.sockets - matched.filter((life) => life !== null).length,
      forgotten_sockets: ledger.forgotten,
      coverage: {
        client: coverage(sessions, 'client'),
        server: coverage(sessions, 'server'),
        backend: coverage(sessions, 'backend'),
      },
      sessions: tally(sessions),
      statements: tally(sessions.flatMap(({ statements }) => statements)),
      unlisted_sessions: report.dropped.sessions,
    },
  };
}

function helperRecord({ attach, detach, detachedAt, lost, state }: Helper): KernelHelperRecord {
  return {
    method: attach?.method ?? null,
    events: attach?.events ?? null,
    tool: attach?.tool ?? null,
    kernel_version: attach?.kernel ?? null,
    state,
    attached_at: attach === null ? null : new Date(attach.at).toISOString(),
    detached_at: detachedAt === null ? null : new Date(detachedAt).toISOString(),
    detach_reason: detach?.reason ?? null,
    lost,
  };
}

/** Percent of the bytes of these sockets whose operations were seen, to the hundredth, never rounded up to 100. */
function coverage(sessions: readonly SessionRecord[], leg: 'client' | 'server' | 'backend'): number | null {
  let bytes = 0;
  let seen = 0;
  for (const { wire, kernel } of sessions) {
    const { bytes_in, bytes_out } = wire[leg === 'client' ? 'client' : 'server'];
    const all = bytes_in + bytes_out;
    bytes += all;
    // A socket of which more was seen than there should have been makes up for no other.
    seen += Math.min(all, (kernel[leg]?.seen_in ?? 0) + (kernel[leg]?.seen_out ?? 0));
  }
  return bytes === 0 ? null : Math.floor((seen / bytes) * 10_000) / 100;
}

function tally(
  items: readonly { readonly kernel: SessionRecord['kernel'] | { verdict: keyof VerdictsRecord } | null }[],
): VerdictsRecord {
  const verdicts: VerdictsRecord = { ok: 0, explained: 0, mismatch: 0, unchecked: 0 };
  for (const { kernel } of items) verdicts[kernel?.verdict ?? 'unchecked'] += 1;
  return verdicts;
}
