import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { noTraffic } from '../../src/session/leg_totals.ts';
import { StatementStatistics } from '../../src/account/statistics.ts';
import { fingerprintRecords } from '../../src/report/fingerprint_record.ts';
import type { FingerprintRecord } from '../../src/report/model.ts';
import { atOnce } from '../../src/report/steps.ts';
import { statementRecord } from '../../src/report/session_record.ts';
import { SteadyClock } from '../../src/report/steady_clock.ts';
import { finishedStatement } from '../support/finished_statement.ts';

suite('Fingerprint records', () => {
  const clock = new SteadyClock();
  const recordsOf = (books: StatementStatistics): FingerprintRecord[] =>
    atOnce(fingerprintRecords({ statements: books.totals(), other: books.other }, { clock }));

  test('a line of the cumulative statistics', () => {
    const books = new StatementStatistics({ maxFingerprints: 7 }, 1);
    const statement = finishedStatement({ query: 'select 1', rows: 1, startedAtMs: 1000, durationMs: 2 });
    const failed = finishedStatement({
      query: 'select 2',
      outcome: 'cancelled',
      startedAtMs: 3000,
      durationMs: 2,
    });
    books.record(statement);
    books.record(failed);
    const spread = (value: number) => ({ p50: value, p95: value, p99: value, max: value });
    assert.deepEqual(recordsOf(books), [
      {
        fingerprint: statement.fingerprint,
        query: 'select ?',
        folded: 0,
        calls: 2,
        prepares: 0,
        errors: 1,
        outcomes: { ok: 1, error: 0, cancelled: 1, aborted: 0, open: 0 },
        rows: 1,
        roundtrips: 0,
        R: { bytes: 34, messages: 2, reads: 2, writes: 2 },
        S: { bytes: 122, messages: 8, reads: 2, writes: 2 },
        total_us: 4000,
        mean_us: 2000,
        prepare_us: 0,
        first_byte_us: 2000,
        client_stall_us: 0,
        client_wait_us: 0,
        server_stall_us: 0,
        duration_us: spread(2000),
        R_bytes: spread(17),
        S_bytes: spread(61),
        first_at: clock.timestamp(1000),
        last_at: clock.timestamp(3002),
      },
    ]);
    assert.equal(statementRecord(statement, noTraffic(), clock).fingerprint, statement.fingerprint);
  });

  test('what was folded away comes last and has no fingerprint', () => {
    const books = new StatementStatistics({ maxFingerprints: 1 }, 1);
    books.record(finishedStatement({ query: 'select a', bytesS: 1_000_003 }));
    books.record(finishedStatement({ query: 'select b', kind: 'prepare' }));
    const [kept, other] = recordsOf(books);
    assert.equal(kept?.query, 'select b');
    assert.equal(kept.mean_us, null);
    assert.deepEqual([other?.fingerprint, other?.query, other?.folded, other?.calls], [null, null, 1, 1]);
  });
});
