import type { ReportRecord, SessionRecord, StatementRecord } from '../report/model.ts';
import { formatBytes, formatDuration, perSecond } from '../report/units.ts';
import { type CopyRows, rowsReceived, rowsSent } from './copy_rows.ts';
import { type Counted, SESSION } from './experiment.ts';

/** A sentence that a reader can check against the report, and whether it is so. */
export interface Finding {
  readonly holds: boolean;
  readonly sentence: string;
}

/** What the figures of the experiment say, from the report and from what the clients counted on their own. */
export function findings(report: ReportRecord, counted: Counted): Finding[] {
  const copiedOut = [...SESSION.out, SESSION.nowhere].map((name) => rowsSent(copyOf(report, name)));
  const clients = [...counted.pipes, counted.nowhere];
  return [
    statementAndSession(named(report, SESSION.in[1])),
    bothEndsOfThePipe(copyOf(report, SESSION.out[1]), copyOf(report, SESSION.in[1]), counted.pipes[1]!),
    doubling(copiedOut, clients, copyOf(report, SESSION.nowhere)),
    ...imbalance(report),
  ];
}

function statementAndSession(session: SessionRecord): Finding {
  const { R } = onlyStatement(session);
  const { startup, control } = session.accounts;
  return {
    holds: session.R.bytes === R.bytes + startup.R + control.R,
    sentence:
      `The second "copy t from stdin" received ${R.bytes} bytes (R), its session ${session.R.bytes}: ` +
      `the other ${session.R.bytes - R.bytes} are its start-up (${startup.R}) and its Terminate message (${control.R}).`,
  };
}

function bothEndsOfThePipe(out: StatementRecord, into: StatementRecord, counted: number): Finding {
  const sent = rowsSent(out);
  const received = rowsReceived(into);
  const sum = ({ bytes, messages, rest }: CopyRows): string =>
    `${bytes} of rows + 5 x ${messages} CopyData messages + ${rest} of other messages`;
  return {
    holds: sent.bytes === counted && received.bytes === counted,
    sentence:
      `Through that pipe went ${counted} bytes of rows, which are on the books of both its ends: ` +
      `S ${out.S.bytes} = ${sum(sent)}; R ${into.R.bytes} = ${sum(received)}.`,
  };
}

function doubling(copies: readonly CopyRows[], counted: readonly number[], last: StatementRecord): Finding {
  const sizes = copies.map(({ bytes }) => bytes);
  const us = last.time.duration_us ?? 0;
  return {
    holds: sizes.every((size, at) => size === counted[at] && size === sizes[0]! * 2 ** at),
    sentence:
      `The table doubled twice: ${sizes.join(', ')} bytes of rows; copying the last of them to nowhere took ` +
      `${formatDuration(us)}, that is ${formatBytes(perSecond(last.S.bytes, us))}/s.`,
  };
}

/** Worth a sentence only when it is not so: the report has a line per session that says it. */
function imbalance({ sessions }: ReportRecord): Finding[] {
  const unbalanced = sessions.filter(({ balanced }) => !balanced).map(({ id }) => id);
  if (unbalanced.length === 0) return [];
  return [{ holds: false, sentence: `The books of session ${unbalanced.join(', ')} do not balance.` }];
}

function copyOf(report: ReportRecord, name: string): StatementRecord {
  return onlyStatement(named(report, name));
}

function named(report: ReportRecord, name: string): SessionRecord {
  const found = report.sessions.find(({ application_name }) => application_name === name);
  if (found === undefined) throw new Error(`the report has no session "${name}"`);
  return found;
}

function onlyStatement({ application_name, statements }: SessionRecord): StatementRecord {
  const [only] = statements;
  if (only === undefined || statements.length > 1) {
    throw new Error(`session "${application_name}" has ${statements.length} statements, not 1`);
  }
  return only;
}
