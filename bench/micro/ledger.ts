import { DEFAULT_MAX_FINGERPRINTS, StatementStatistics } from '../../src/account/statistics.ts';
import { Statement } from '../../src/session/statement.ts';
import type { Piece } from './piece.ts';

/** Durations and sizes are never all the same. */
const STATEMENTS = 1009;

/** The cumulative statistics: what is added up when a statement has ended, of a text that was seen before. */
export const ledger: readonly Piece[] = [
  {
    name: 'ledger, a statement that ends',
    messages: STATEMENTS,
    bytes: null,
    make: () => {
      const statistics = new StatementStatistics({ maxFingerprints: DEFAULT_MAX_FINGERPRINTS }, 1);
      const statements = Array.from({ length: STATEMENTS }, (_, at) => finished(at));
      return {
        run: (steps) => {
          for (let step = 0; step < steps; step += 1)
            for (const statement of statements) statistics.record(statement);
        },
        check: (steps) => {
          const calls = statistics.totals().reduce((sum, totals) => sum + totals.calls, 0);
          if (calls !== steps * STATEMENTS) throw new Error(`${calls} calls in ${steps} steps`);
        },
      };
    },
  },
];

function finished(spread: number): Statement {
  const text = 'SELECT abalance FROM pgbench_accounts WHERE aid = $1;';
  const statement = new Statement(1, 'query', { text, bytes: text.length, truncated: false });
  statement.R.bytes = text.length + 6;
  statement.R.firstAt = 1000;
  statement.R.lastAt = 1000;
  statement.S.bytes = 61 + spread;
  statement.S.firstAt = 1000.1;
  statement.S.lastAt = 1000.1 + spread / 1000;
  statement.endedAt = 1000.2 + spread / 1000;
  statement.outcome = 'ok';
  return statement;
}
