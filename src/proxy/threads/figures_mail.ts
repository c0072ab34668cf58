import { StatementTotals } from '../../account/statement_totals.ts';
import type { Figures } from '../../report/figures.ts';
import type { SessionRecord } from '../../report/model.ts';
import type { Steps } from '../../report/steps.ts';
import type { FiguresPiece } from './mail.ts';

/** Rows in one piece: to copy it takes a fraction of a millisecond. */
const ROWS = 25;

/** Sends figures in pieces, a step for each. */
export function* sendFigures(figures: Figures, send: (piece: FiguresPiece) => void): Steps<void> {
  let few: SessionRecord[] = [];
  const flush = (): void => {
    if (few.length > 0) send({ sessions: few });
    few = [];
  };
  for (const session of figures.sessions) {
    const { statements } = session;
    few.push(statements.length > ROWS ? { ...session, statements: statements.slice(0, ROWS) } : session);
    if (statements.length > 1 || few.length >= ROWS) {
      flush();
      yield;
    }
    for (let at = ROWS; at < statements.length; at += ROWS) {
      send({ moreStatements: statements.slice(at, at + ROWS) });
      yield;
    }
  }
  flush();
  for (let at = 0; at < figures.statements.length; at += ROWS) {
    send({ totals: figures.statements.slice(at, at + ROWS).map((totals) => totals.toPlain()) });
    yield;
  }
  const { databases, cancels, refused, dropped } = figures;
  send({ rest: { databases, cancels, refused, dropped, other: figures.other?.toPlain() ?? null } });
}

/** Puts the pieces together again. */
export class FiguresReceiver {
  readonly #sessions: SessionRecord[] = [];
  readonly #statements: StatementTotals[] = [];

  /** @returns the figures with the last piece, until then null */
  receive({ sessions = [], moreStatements = [], totals = [], rest }: FiguresPiece): Figures | null {
    this.#sessions.push(...sessions);
    this.#sessions.at(-1)?.statements.push(...moreStatements);
    this.#statements.push(...totals.map((plain) => StatementTotals.fromPlain(plain)));
    if (rest === undefined) return null;
    const other = rest.other === null ? null : StatementTotals.fromPlain(rest.other);
    return { ...rest, sessions: this.#sessions, statements: this.#statements, other };
  }
}
