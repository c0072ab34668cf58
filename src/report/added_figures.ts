import { StatementTotals } from '../account/statement_totals.ts';
import { mergedTotals } from './fingerprint_record.ts';
import type { Figures } from './figures.ts';
import type { ReportRecord, SessionRecord } from './model.ts';
import { addedFlows, SumsByName } from './session_sums.ts';
import { addedDropped } from './report_record.ts';
import { atOnce } from './steps.ts';

/** Cancel requests kept. */
const MAX_CANCELS = 1000;

export interface FigureLimits {
  readonly maxSessionsKept: number;
  readonly maxFingerprints: number;
}

/** The figures of two threads as one: the largest sessions are kept, and the others are added up. */
export function addedFigures(a: Figures, b: Figures, limits: FigureLimits): Figures {
  const sessions = [...a.sessions, ...b.sessions].toSorted((one, two) => bytesOf(two) - bytesOf(one));
  const sums = new SumsByName(Number.POSITIVE_INFINITY);
  for (const sum of [...a.databases, ...b.databases]) sums.add(sum);
  const { statements, other } = atOnce(mergedTotals([a, b], limits.maxFingerprints));
  const cancels = [...a.cancels, ...b.cancels].toSorted((one, two) => one.requestedAt - two.requestedAt);
  const dropped = addedDropped(a.dropped, b.dropped);
  for (const session of sessions.slice(limits.maxSessionsKept)) drop(session, dropped);
  dropped.cancels += Math.max(cancels.length - MAX_CANCELS, 0);
  return {
    sessions: sessions.slice(0, limits.maxSessionsKept),
    databases: sums.list(),
    statements,
    other,
    cancels: cancels.slice(-MAX_CANCELS),
    refused: {
      connections: a.refused.connections + b.refused.connections,
      cancels: a.refused.cancels + b.refused.cancels,
    },
    dropped,
  };
}

/** Adds a session to those that are not listed. */
export function drop(session: SessionRecord, dropped: ReportRecord['dropped']): void {
  dropped.sessions += 1;
  if (!session.balanced) dropped.unbalanced += 1;
  dropped.statements += session.statement_count;
  dropped.R = addedFlows(dropped.R, session.R);
  dropped.S = addedFlows(dropped.S, session.S);
}

/** Of a thread that has counted nothing. */
export function noFigures(): Figures {
  const flow = { bytes: 0, messages: 0, reads: 0, writes: 0 };
  return {
    sessions: [],
    databases: [],
    statements: [],
    other: new StatementTotals(null, null),
    cancels: [],
    refused: { connections: 0, cancels: 0 },
    dropped: { sessions: 0, unbalanced: 0, statements: 0, R: flow, S: flow, cancels: 0 },
  };
}

/** What was last known of a thread that is gone: its sessions have ended with it. */
export function abortedFigures(figures: Figures, at: string, detail: string): Figures {
  const aborted = (session: SessionRecord): SessionRecord =>
    session.ended_at === null
      ? { ...session, ended_at: at, end_reason: 'aborted', end_detail: detail, activity: null }
      : session;
  return {
    ...figures,
    sessions: figures.sessions.map(aborted),
    databases: figures.databases.map((sum) => ({ ...sum, open: 0 })),
  };
}

function bytesOf({ R, S }: SessionRecord): number {
  return R.bytes + S.bytes;
}
