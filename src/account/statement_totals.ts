import { Flow } from '../session/account.ts';
import type { Outcome, Statement } from '../session/statement.ts';
import { Distribution, type PlainDistribution } from './distribution.ts';

/** What of a flow is added up. */
type PlainFlow = Omit<PlainFields<Flow>, 'from' | 'to'>;
type PlainFields<Of> = { readonly [Name in keyof Of as Of[Name] extends number ? Name : never]: Of[Name] };

/** Totals as data that can be sent and kept. */
export type PlainTotals = Pick<StatementTotals, 'fingerprint' | 'query'> &
  Readonly<Record<(typeof SUMS)[number], number>> & {
    readonly outcomes: Readonly<Record<Outcome, number>>;
    readonly R: PlainFlow;
    readonly S: PlainFlow;
  } & Readonly<Record<(typeof DISTRIBUTIONS)[number], PlainDistribution>>;

/** What adds up. */
const SUMS = [
  'folded',
  'calls',
  'prepares',
  'rows',
  'roundtrips',
  'callsMs',
  'preparesMs',
  'firstByteMs',
  'clientStallMs',
  'serverStallMs',
  'clientWaitMs',
] as const;
const OUTCOMES = ['ok', 'error', 'cancelled', 'aborted', 'open'] as const;
const DISTRIBUTIONS = ['durationUs', 'bytesR', 'bytesS'] as const;

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
  readonly durationUs: Distribution;
  readonly bytesR: Distribution;
  readonly bytesS: Distribution;

  constructor(
    fingerprint: string | null,
    query: string | null,
    distributions: Pick<StatementTotals, (typeof DISTRIBUTIONS)[number]> | null = null,
  ) {
    this.fingerprint = fingerprint;
    this.query = query;
    this.durationUs = distributions?.durationUs ?? new Distribution();
    this.bytesR = distributions?.bytesR ?? new Distribution();
    this.bytesS = distributions?.bytesS ?? new Distribution();
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
    this.add(other);
    this.folded += 1;
  }

  /** Adds figures of the same statement, taken elsewhere. */
  add(other: StatementTotals): void {
    for (const name of SUMS) this[name] += other[name];
    for (const outcome of OUTCOMES) this.outcomes[outcome] += other.outcomes[outcome];
    this.R.add(other.R);
    this.S.add(other.S);
    for (const name of DISTRIBUTIONS) this[name].add(other[name]);
  }

  /** How many statements were entered: where that is the same, so are all figures. */
  get entered(): number {
    const { ok, error, cancelled, aborted, open } = this.outcomes;
    return ok + error + cancelled + aborted + open;
  }

  toPlain(): PlainTotals {
    return {
      fingerprint: this.fingerprint,
      query: this.query,
      folded: this.folded,
      calls: this.calls,
      prepares: this.prepares,
      rows: this.rows,
      roundtrips: this.roundtrips,
      callsMs: this.callsMs,
      preparesMs: this.preparesMs,
      firstByteMs: this.firstByteMs,
      clientStallMs: this.clientStallMs,
      serverStallMs: this.serverStallMs,
      clientWaitMs: this.clientWaitMs,
      outcomes: { ...this.outcomes },
      R: plainFlow(this.R),
      S: plainFlow(this.S),
      durationUs: this.durationUs.toPlain(),
      bytesR: this.bytesR.toPlain(),
      bytesS: this.bytesS.toPlain(),
    };
  }

  /** What {@link toPlain} gave. */
  static fromPlain(plain: PlainTotals): StatementTotals {
    const distributions = {
      durationUs: Distribution.fromPlain(plain.durationUs),
      bytesR: Distribution.fromPlain(plain.bytesR),
      bytesS: Distribution.fromPlain(plain.bytesS),
    };
    const totals = new StatementTotals(plain.fingerprint, plain.query, distributions);
    for (const name of SUMS) totals[name] = plain[name];
    Object.assign(totals.outcomes, plain.outcomes);
    Object.assign(totals.R, plain.R);
    Object.assign(totals.S, plain.S);
    return totals;
  }
}

function plainFlow({ bytes, messages, reads, writes, firstAt, lastAt }: Flow): PlainFlow {
  return { bytes, messages, reads, writes, firstAt, lastAt };
}

/** Rows of all parts that are kept of a statement. */
function rowsOf(statement: Statement): number {
  const { parts } = statement;
  if (parts === null) return statement.rows ?? 0;
  let rows = 0;
  for (const part of parts) rows += part.rows ?? 0;
  return rows;
}
