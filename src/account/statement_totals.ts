import { Flow } from '../session/account.ts';
import type { Outcome, Statement } from '../session/statement.ts';
import { Distribution } from './distribution.ts';

/** Cumulative figures of statements. Times are milliseconds. */
export class StatementTotals {
  /** Null for those of several fingerprints. */
  readonly fingerprint: string | null;
  /** The normal form of their text, cut; null for those of several fingerprints. */
  readonly query: string | null;
  /** How many others were folded into this one. */
  folded = 0;
  /** Executions. */
  calls = 0;
  /** Statements that executed nothing. */
  prepares = 0;
  /** Calls, prepares, and what was never answered. */
  readonly outcomes: Record<Outcome, number> = { ok: 0, error: 0, cancelled: 0, aborted: 0, open: 0 };
  rows = 0;
  roundtrips = 0;
  readonly R = new Flow();
  readonly S = new Flow();
  /** Duration of the calls. */
  callsMs = 0;
  /** Duration of the prepares. */
  preparesMs = 0;
  /** From first request byte to first reply byte, of calls and prepares that had a reply. */
  firstByteMs = 0;
  clientStallMs = 0;
  serverStallMs = 0;
  clientWaitMs = 0;
  /** Of the calls. */
  readonly durationUs = new Distribution();
  readonly bytesR = new Distribution();
  readonly bytesS = new Distribution();

  constructor(fingerprint: string | null, query: string | null) {
    this.fingerprint = fingerprint;
    this.query = query;
  }

  get bytes(): number {
    return this.R.bytes + this.S.bytes;
  }

  /** Enters a statement whose figures are final. */
  record(statement: Statement): void {
    const { R, S } = statement;
    const durationMs = Math.max(statement.endedAt - R.firstAt, 0);
    this.R.add(R);
    this.S.add(S);
    this.outcomes[statement.outcome] += 1;
    this.rows += rowsOf(statement);
    this.roundtrips += statement.roundtrips;
    this.clientStallMs += statement.clientStallMs;
    this.serverStallMs += statement.serverStallMs;
    this.clientWaitMs += statement.clientWaitMs;
    if (S.firstAt > R.firstAt) this.firstByteMs += S.firstAt - R.firstAt;
    // The server skipped it, for one before it in its pipeline had failed: nothing was executed.
    if (statement.outcome === 'aborted' && S.messages === 0) return;
    if (statement.kind === 'prepare') {
      this.prepares += 1;
      this.preparesMs += durationMs;
      return;
    }
    this.calls += 1;
    this.callsMs += durationMs;
    this.durationUs.record(Math.round(durationMs * 1000));
    this.bytesR.record(R.bytes);
    this.bytesS.record(S.bytes);
  }

  /** Adds the figures of another one, which counts as folded into this one. */
  fold(other: StatementTotals): void {
    this.folded += 1;
    this.calls += other.calls;
    this.prepares += other.prepares;
    this.outcomes.ok += other.outcomes.ok;
    this.outcomes.error += other.outcomes.error;
    this.outcomes.cancelled += other.outcomes.cancelled;
    this.outcomes.aborted += other.outcomes.aborted;
    this.outcomes.open += other.outcomes.open;
    this.rows += other.rows;
    this.roundtrips += other.roundtrips;
    this.R.add(other.R);
    this.S.add(other.S);
    this.callsMs += other.callsMs;
    this.preparesMs += other.preparesMs;
    this.firstByteMs += other.firstByteMs;
    this.clientStallMs += other.clientStallMs;
    this.serverStallMs += other.serverStallMs;
    this.clientWaitMs += other.clientWaitMs;
    this.durationUs.add(other.durationUs);
    this.bytesR.add(other.bytesR);
    this.bytesS.add(other.bytesS);
  }
}

/** Rows of all parts that are kept of a statement. */
function rowsOf(statement: Statement): number {
  const { parts } = statement;
  if (parts === null) return statement.rows ?? 0;
  let rows = 0;
  for (const part of parts) rows += part.rows ?? 0;
  return rows;
}
