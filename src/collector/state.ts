import { createHash } from 'node:crypto';
import { type PlainTotals, StatementTotals } from '../account/statement_totals.ts';
import { drop, noFigures } from '../report/added_figures.ts';
import type { Figures } from '../report/figures.ts';
import { mergedTotals } from '../report/fingerprint_record.ts';
import type { ReportRecord, SessionSumRecord } from '../report/model.ts';
import { addedDropped, type Heading } from '../report/report_record.ts';
import { SumsByName } from '../report/session_sums.ts';
import type { SteadyClock } from '../report/steady_clock.ts';
import type { Steps } from '../report/steps.ts';

/** The form of a state file. Another number is another form. */
const SCHEMA = 'pgnetflow.state/1';

/** Cumulative figures that outlive a process. */
export interface State {
  /** ISO 8601. */
  readonly savedAt: string;
  /** When all figures were 0, ISO 8601. */
  readonly statsSince: string;
  /** As of a thread that has ended: its sessions are in the sums. */
  readonly figures: Figures;
}

/** What stands in a file is no state that this version reads. */
export class StateError extends Error {
  /** `damaged`: it is not what was written; `version`: another version of pgnetflow has written it. */
  readonly kind: 'damaged' | 'version';

  constructor(kind: StateError['kind'], message: string) {
    super(message);
    this.name = 'StateError';
    this.kind = kind;
  }
}

/** The figures of all threads as those of one that has ended: sessions and cancel requests are in the sums only. */
export function* endedFigures(threads: readonly Figures[], maxFingerprints: number): Steps<Figures> {
  const sums = new SumsByName(Number.POSITIVE_INFINITY);
  for (const row of threads.flatMap(({ databases }) => databases)) sums.add({ ...row, open: 0 });
  yield;
  const listed = threads.map(droppedWithSessions);
  // Of two at least, so that they are copied: those of a running thread go on.
  const totals = yield* mergedTotals([...threads, noFigures()], maxFingerprints);
  return {
    sessions: [],
    cancels: [],
    databases: sums.list(),
    statements: totals.statements,
    other: totals.other,
    refused: {
      connections: threads.reduce((sum, { refused }) => sum + refused.connections, 0),
      cancels: threads.reduce((sum, { refused }) => sum + refused.cancels, 0),
    },
    dropped: listed.reduce(addedDropped),
  };
}

function droppedWithSessions({ sessions, cancels, dropped }: Figures): ReportRecord['dropped'] {
  const sum = { ...dropped, cancels: dropped.cancels + cancels.length };
  // Those of the console are nobody's.
  for (const session of sessions) if (!session.console) drop(session, sum);
  return sum;
}

/** What is written of a state: a line that says what follows, and a line of figures, with moments as milliseconds since 1970. */
interface Header {
  readonly schema: string;
  readonly version: string;
  readonly saved_at: string;
  /** SHA-256 of the next line. */
  readonly sha256: string;
}

interface Body {
  readonly stats_since: string;
  readonly databases: readonly SessionSumRecord[];
  readonly statements: readonly PlainTotals[];
  readonly other: PlainTotals | null;
  readonly refused: ReportRecord['refused'];
  readonly dropped: ReportRecord['dropped'];
}

/** The text of a state file, of all threads. */
export function* stateOf(heading: Heading, threads: readonly Figures[]): Steps<string> {
  const { clock, version, startedAt, maxFingerprints } = heading;
  const statsSince = heading.statsSince ?? clock.timestamp(startedAt);
  return yield* stateText(yield* endedFigures(threads, maxFingerprints), { version, statsSince }, clock);
}

/** The text of a state file. @param figures of {@link endedFigures} */
export function* stateText(
  figures: Figures,
  about: { readonly version: string; readonly statsSince: string },
  clock: SteadyClock,
): Steps<string> {
  const moment = (reading: number): number => Date.parse(clock.timestamp(reading));
  const statements: string[] = [];
  for (const totals of figures.statements) {
    statements.push(JSON.stringify(withMoments(totals.toPlain(), moment)));
    yield;
  }
  const { databases, refused, dropped, other } = figures;
  const rest: Omit<Body, 'statements'> = {
    stats_since: about.statsSince,
    databases,
    other: other === null ? null : withMoments(other.toPlain(), moment),
    refused,
    dropped,
  };
  const body = `${JSON.stringify(rest).slice(0, -1)},"statements":[${statements.join()}]}`;
  const header: Header = {
    schema: SCHEMA,
    version: about.version,
    saved_at: clock.timestamp(clock.now()),
    sha256: sha256(body),
  };
  return `${JSON.stringify(header)}\n${body}\n`;
}

/** @throws {StateError} when it is no state, or not all of it */
export function readState(text: string, clock: SteadyClock): State {
  const [first = '', body = '', rest] = text.split('\n');
  const header = parse(first);
  if (header === null || typeof header['schema'] !== 'string')
    throw new StateError('damaged', 'it does not begin as a state file of pgnetflow does');
  if (header['schema'] !== SCHEMA)
    throw new StateError('version', `its form is ${header['schema']}, and this version reads ${SCHEMA}`);
  if (rest !== '' || header['sha256'] !== sha256(body))
    throw new StateError(
      'damaged',
      'it is cut off, or was changed: its check sum is not that of its figures',
    );
  // The check sum says that it is what this version has written.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const found = JSON.parse(body) as Body;
  const now = clock.now();
  const wall = Date.parse(clock.timestamp(now));
  const reading = (moment: number): number => now - (wall - moment);
  const totals = (plain: PlainTotals): StatementTotals =>
    StatementTotals.fromPlain(withMoments(plain, reading));
  return {
    savedAt: String(header['saved_at']),
    statsSince: found.stats_since,
    figures: {
      sessions: [],
      cancels: [],
      databases: found.databases,
      statements: found.statements.map(totals),
      other: found.other === null ? null : totals(found.other),
      refused: found.refused,
      dropped: found.dropped,
    },
  };
}

/** With the moments of its flows told by another clock; 0 is none. */
function withMoments(plain: PlainTotals, other: (moment: number) => number): PlainTotals {
  const told = (moment: number): number => (moment === 0 ? 0 : other(moment));
  const flow = ({ firstAt, lastAt, ...rest }: PlainTotals['R']): PlainTotals['R'] => ({
    ...rest,
    firstAt: told(firstAt),
    lastAt: told(lastAt),
  });
  return { ...plain, R: flow(plain.R), S: flow(plain.S) };
}

function parse(line: string): Record<string, unknown> | null {
  try {
    const found: unknown = JSON.parse(line);
    return typeof found === 'object' && found !== null ? { ...found } : null;
  } catch {
    return null;
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
