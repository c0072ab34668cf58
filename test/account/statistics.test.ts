import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { FINGERPRINT } from '../../src/account/fingerprint.ts';
import type { StatementTotals } from '../../src/account/statement_totals.ts';
import {
  DEFAULT_MAX_FINGERPRINTS,
  FUNCTION_CALL,
  StatementStatistics,
  UNKNOWN_STATEMENT,
} from '../../src/account/statistics.ts';
import type { Outcome, Statement, StatementKind } from '../../src/session/statement.ts';
import { finishedStatement } from '../support/finished_statement.ts';

const statistics = (maxFingerprints = DEFAULT_MAX_FINGERPRINTS): StatementStatistics =>
  new StatementStatistics({ maxFingerprints }, 1);

/** The figures that must add up. */
function figures(all: readonly StatementTotals[]): Record<string, number> {
  const sum = (of: (totals: StatementTotals) => number): number =>
    all.reduce((total, totals) => total + of(totals), 0);
  return {
    statements: sum((totals) => totals.calls + totals.prepares),
    outcomes: sum((totals) => Object.values(totals.outcomes).reduce((total, count) => total + count, 0)),
    errors: sum((totals) => totals.outcomes.error),
    rows: sum((totals) => totals.rows),
    bytesR: sum((totals) => totals.R.bytes),
    bytesS: sum((totals) => totals.S.bytes),
    messages: sum((totals) => totals.R.messages + totals.S.messages),
    reads: sum((totals) => totals.R.reads + totals.S.reads),
    ms: sum((totals) => totals.callsMs + totals.preparesMs),
  };
}

function figuresOf(statements: readonly Statement[]): Record<string, number> {
  const sum = (of: (statement: Statement) => number): number =>
    statements.reduce((total, statement) => total + of(statement), 0);
  return {
    statements: statements.length,
    outcomes: statements.length,
    errors: statements.filter((statement) => statement.outcome === 'error').length,
    rows: sum((statement) => statement.rows ?? 0),
    bytesR: sum((statement) => statement.R.bytes),
    bytesS: sum((statement) => statement.S.bytes),
    messages: sum((statement) => statement.R.messages + statement.S.messages),
    reads: sum((statement) => statement.R.reads + statement.S.reads),
    ms: sum((statement) => statement.endedAt - statement.R.firstAt),
  };
}

suite('Statistics by fingerprint', () => {
  test('23 executions that differ in a constant are one line', () => {
    const books = statistics();
    for (let id = 1; id <= 23; id += 1) {
      books.record(
        finishedStatement({
          query: `SELECT * FROM t WHERE id = ${id}`,
          bytesS: 100,
          durationMs: id,
          rows: 1,
        }),
      );
    }
    const [totals, ...others] = books.totals();
    assert.deepEqual(others, []);
    assert.equal(totals?.query, 'select * from t where id = ?');
    assert.equal(totals.calls, 23);
    assert.equal(totals.rows, 23);
    assert.equal(totals.S.bytes, 2300);
    assert.equal(totals.callsMs, (23 * 24) / 2);
    assert.equal(totals.firstByteMs, 23);
    assert.deepEqual(totals.durationUs.quantiles(), { p50: 12_031, p95: 22_015, p99: 23_000, max: 23_000 });
    assert.deepEqual(totals.bytesS.quantiles(), { p50: 100, p95: 100, p99: 100, max: 100 });
  });

  test('a text that was folded away counts anew, whatever number it comes with', () => {
    const books = statistics(2);
    const record = (query: string, bytesS: number): string =>
      books.record(finishedStatement({ query, bytesS }));
    record('select 1', 10);
    record('select a', 1000);
    record('select b', 1000);
    assert.equal(books.other.calls, 1);
    record('select 2', 5000);
    record('select 3', 5000);
    assert.equal(books.totals()[0]?.query, 'select ?');
    assert.equal(books.totals()[0]?.calls, 2);
    books.reset(2);
    record('select 4', 1);
    assert.deepEqual(
      books.totals().map(({ query, calls }) => [query, calls]),
      [['select ?', 1]],
    );
  });

  test('a statement learns its fingerprint', () => {
    const books = statistics();
    const statement = finishedStatement();
    const fingerprint = books.record(statement);
    assert.match(fingerprint, FINGERPRINT);
    assert.equal(statement.fingerprint, fingerprint);
    assert.equal(books.totals()[0]?.fingerprint, fingerprint);
  });

  test('a text that is known is not another one when it comes again', () => {
    const books = statistics();
    const first = books.record(finishedStatement({ query: 'select 7' }));
    assert.equal(books.record(finishedStatement({ query: 'select 7' })), first);
    assert.equal(books.record(finishedStatement({ query: 'SELECT  8;' })), first);
    assert.notEqual(books.record(finishedStatement({ query: 'select 7', truncated: true })), first);
    assert.equal(books.totals().length, 2);
  });

  test('what was prepared only is no call', () => {
    const books = statistics();
    books.record(finishedStatement({ kind: 'prepare', durationMs: 5 }));
    books.record(finishedStatement({ kind: 'execute', durationMs: 3 }));
    const [totals] = books.totals();
    assert.deepEqual(
      [totals?.prepares, totals?.calls, totals?.preparesMs, totals?.callsMs, totals?.outcomes.ok],
      [1, 1, 5, 3, 2],
    );
    assert.equal(totals?.durationUs.quantiles().max, 3000);
  });

  test('rows of a Query with several commands are those of all of them', () => {
    const books = statistics();
    const statement = finishedStatement({ rows: 3 });
    statement.complete('INSERT 0 2', 2);
    statement.complete('BEGIN', null);
    books.record(statement);
    assert.equal(books.totals()[0]?.rows, 5);
  });

  test('what has no text has a line of its own', () => {
    const books = statistics();
    books.record(finishedStatement({ kind: 'function', query: null, bytesS: 1009 }));
    books.record(finishedStatement({ kind: 'execute', query: null, bytesS: 107 }));
    books.record(finishedStatement({ kind: 'query', query: '', bytesS: 11 }));
    assert.deepEqual(
      books.totals().map((totals) => totals.query),
      [FUNCTION_CALL, UNKNOWN_STATEMENT, ''],
    );
  });

  test('a long text is kept in part, and told apart by the whole', () => {
    const books = statistics();
    const columns = Array.from({ length: 1009 }, (_, index) => `column_${index}`).join(', ');
    const one = books.record(finishedStatement({ query: `select ${columns} from a` }));
    const other = books.record(finishedStatement({ query: `select ${columns} from b` }));
    assert.notEqual(one, other);
    for (const { query } of books.totals()) {
      assert.equal(query?.length, 4097);
      assert.ok(query.endsWith('…'));
    }
    assert.equal(books.record(finishedStatement({ query: `select  ${columns} from a` })), one);
  });

  test('the largest by bytes comes first, of equal ones always the same', () => {
    const order = (queries: readonly string[]): (string | null)[] => {
      const books = statistics();
      for (const query of queries) books.record(finishedStatement({ query }));
      books.record(finishedStatement({ query: 'copy t to stdout', bytesS: 1_000_003 }));
      return books.totals().map((totals) => totals.query);
    };
    assert.deepEqual(order(['select a', 'select b']), order(['select b', 'select a']));
    assert.equal(order(['select a'])[0], 'copy t to stdout');
  });
});

suite('At the limit', () => {
  const name = (index: number): string => `select column_${index}`;

  test('those that moved least make room, and nothing is lost', () => {
    const books = statistics(20);
    const statements: Statement[] = [];
    for (let index = 0; index < 97; index += 1) {
      statements.push(finishedStatement({ query: name(index), bytesS: (index * 37) % 97, rows: index }));
    }
    for (const statement of statements) books.record(statement);
    assert.equal(books.totals().length, 20);
    assert.equal(books.other.folded, 77);
    assert.deepEqual(figures([...books.totals(), books.other]), figuresOf(statements));
  });

  test('a large one stays, however many small ones come', () => {
    const books = statistics(7);
    books.record(finishedStatement({ query: 'copy t to stdout', bytesS: 1_000_003 }));
    for (let index = 0; index < 1009; index += 1) books.record(finishedStatement({ query: name(index) }));
    assert.equal(books.totals()[0]?.query, 'copy t to stdout');
  });

  test('of equal ones, the one used longest ago makes room', () => {
    const books = statistics(3);
    for (const [index, startedAtMs] of [7, 3, 5].entries()) {
      books.record(finishedStatement({ query: name(index), startedAtMs }));
    }
    books.record(finishedStatement({ query: 'select another' }));
    const kept = books.totals().map((totals) => totals.query);
    assert.ok(!kept.includes(name(1)), `kept ${kept.join(', ')}`);
  });

  test('one that comes back starts anew with the same fingerprint', () => {
    const books = statistics(1);
    const first = books.record(finishedStatement({ query: name(1) }));
    books.record(finishedStatement({ query: name(2) }));
    assert.equal(books.record(finishedStatement({ query: name(1) })), first);
    const [totals] = books.totals();
    assert.equal(totals?.query, name(1));
    assert.equal(totals.calls, 1);
    assert.equal(books.other.folded, 2);
    assert.equal(books.other.calls, 2);
  });

  test('a text that was cached for a fingerprint folded away finds the one that came back by another text', () => {
    const books = statistics(2);
    books.record(finishedStatement({ query: 'select a' }));
    books.record(finishedStatement({ query: 'select b', bytesS: 1009 }));
    books.record(finishedStatement({ query: 'select c', bytesS: 1009 }));
    books.record(finishedStatement({ query: 'SELECT A', bytesS: 2003 }));
    books.record(finishedStatement({ query: 'select a' }));
    assert.equal(books.totals()[0]?.query, 'select a');
    assert.equal(books.totals()[0]?.calls, 2);
  });

  test('a limit that is none is refused', () => {
    assert.throws(() => statistics(0), {
      name: 'RangeError',
      message: /maxFingerprints must be at least 1, not 0/,
    });
    assert.throws(() => statistics(Number.NaN), RangeError);
  });

  test('law: all totals add up to all statements', () => {
    const statement = fc.record({
      query: fc.oneof(fc.nat(41).map(name), fc.constant(null)),
      truncated: fc.boolean(),
      kind: fc.constantFrom<StatementKind>('query', 'execute', 'prepare', 'function', 'copy_out'),
      outcome: fc.constantFrom<Outcome>('ok', 'error', 'cancelled', 'aborted', 'open'),
      bytesR: fc.nat(),
      bytesS: fc.nat(),
      rows: fc.nat(),
      durationMs: fc.nat(),
      startedAtMs: fc.integer({ min: 1, max: 1_000_000 }),
    });
    fc.assert(
      fc.property(
        fc.array(statement, { maxLength: 199 }),
        fc.integer({ min: 1, max: 29 }),
        (facts, limit) => {
          const books = statistics(limit);
          const statements = facts.map((fact) => finishedStatement(fact));
          for (const one of statements) books.record(one);
          assert.ok(books.totals().length <= limit);
          assert.deepEqual(figures([...books.totals(), books.other]), figuresOf(statements));
        },
      ),
    );
  });
});

suite('Reset', () => {
  test('begins with nothing, and says since when', () => {
    const books = statistics(1);
    const fingerprint = books.record(finishedStatement({ query: 'select 1' }));
    books.record(finishedStatement({ query: 'select a' }));
    books.reset(4711);
    assert.equal(books.resetAt, 4711);
    assert.deepEqual(books.totals(), []);
    assert.equal(books.other.folded, 0);
    assert.equal(books.record(finishedStatement({ query: 'select 1' })), fingerprint);
    assert.equal(books.totals()[0]?.calls, 1);
  });
});
