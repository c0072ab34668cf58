import { normalize } from '../account/normalize.ts';
import { querySummary } from '../account/query_summary.ts';
import type {
  CancelRecord,
  FingerprintRecord,
  ReportRecord,
  SessionRecord,
  StatementRecord,
} from '../report/model.ts';
import type { PageCancel, PageFigures, PageFingerprint, PageSession, PageStatement } from './page_model.ts';

/** Rows of each table that are sent; how many there are is told. */
const MAX_ROWS = 200;
const MAX_CANCELS = 50;

/** What is shown of a report. */
export function pageFigures(report: ReportRecord): PageFigures {
  const { version, started_at, totals, databases, refused, sessions, statements, cancels, dropped } = report;
  const open = sessions.filter(({ ended_at }) => ended_at === null);
  const ended = sessions
    .filter(({ ended_at }) => ended_at !== null)
    .toSorted((one, other) => (one.ended_at! < other.ended_at! ? 1 : -1));
  return {
    version,
    started_at,
    totals,
    refused,
    at: report.ended_at,
    databases: databases.slice(0, MAX_ROWS),
    open_sessions: open.length,
    active_sessions: open.filter(({ activity }) => activity?.state === 'active').length,
    all_sessions: sessions.length + dropped.sessions,
    unbalanced: dropped.unbalanced + sessions.filter(({ balanced }) => !balanced).length,
    all_cancels: cancels.length + dropped.cancels,
    kernel: report.kernel,
    sessions: [...open, ...ended].slice(0, MAX_ROWS).map(pageSession),
    statements: statements.slice(0, MAX_ROWS).map(pageFingerprint),
    all_statements: statements.length,
    cancels: cancels.slice(-MAX_CANCELS).toReversed().map(pageCancel),
  };
}

function pageSession(session: SessionRecord): PageSession {
  const { id, client, backend_pid, user, database, application_name, started_at, ended_at } = session;
  const { end_reason, R, S, time, roundtrips, transactions, statement_count, balanced, activity } = session;
  const current = session.statements.findLast(({ outcome }) => outcome === 'open');
  return {
    id,
    client,
    backend_pid,
    user,
    database,
    application_name,
    started_at,
    ended_at,
    end_reason,
    R,
    S,
    time,
    roundtrips,
    transactions,
    statement_count,
    balanced,
    state: activity?.state ?? null,
    wait: activity?.wait_event ?? null,
    verdict: session.kernel.verdict,
    current: current === undefined ? null : pageStatement(current),
  };
}

function pageStatement(statement: StatementRecord): PageStatement {
  const { seq, kind, outcome, sqlstate, rows, roundtrips, R, S, time, query, query_truncated } = statement;
  const text = query === null ? null : normalize(query, query_truncated);
  return { seq, kind, outcome, sqlstate, rows, roundtrips, R, S, time, query: text };
}

function pageFingerprint(record: FingerprintRecord): PageFingerprint {
  const shown: PageFingerprint = {
    ...record,
    summary: record.query === null ? (record.fingerprint ?? 'all others') : querySummary(record.query),
  };
  // Nothing on the page reads them.
  delete shown.histograms;
  return shown;
}

/** Without the sentence and the facts of a diagnosis, which may repeat a text. */
function pageCancel(cancel: CancelRecord): PageCancel {
  const { session, statement, client, requested_at, delivered_at, outcome, effect_us, bytes_after } = cancel;
  const diagnosis = cancel.diagnosis?.verdict ?? null;
  return {
    session,
    statement,
    client,
    requested_at,
    delivered_at,
    outcome,
    effect_us,
    bytes_after,
    diagnosis,
  };
}
