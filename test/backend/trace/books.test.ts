import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TraceBooks } from '../../../src/backend/trace/books.ts';
import { check, type ServerCounts } from '../../../src/backend/trace/check.ts';
import { ProxyStatements, type ProxyStatement } from '../../../src/backend/trace/proxy_statements.ts';
import type { TraceRecord } from '../../../src/backend/trace/record.ts';
import { type StatementSummary, summarize } from '../../../src/backend/trace/summary.ts';
import { BACKEND, began, CHECKPOINTER, clogPage, ended, fsync, titled } from './records.ts';

const AT_1970 = { epochUs: 0, before: null, after: null };

function booksOf(records: readonly TraceRecord[]): TraceBooks {
  const books = new TraceBooks();
  for (const record of records) books.add(record);
  return books;
}

function statementsOf(
  records: readonly TraceRecord[],
  proxy: ProxyStatements | null = null,
): StatementSummary[] {
  return summarize({ books: booksOf(records), proxy, ...AT_1970 }).statements;
}

const short = ({ who, pid, session, seq, query, calls, fsyncs }: StatementSummary): unknown[] => [
  who,
  pid,
  session,
  seq,
  query,
  calls,
  fsyncs,
];

describe('an fsync is booked', () => {
  const backend = titled(BACKEND, 'postgres: alice shop [local] idle');

  it('to the statement that ran, by the process that did it', () => {
    const records = [
      backend,
      titled(CHECKPOINTER, 'postgres: checkpointer '),
      began(10, 1, 'create database d'),
      fsync(11, 1),
      fsync(12, 1),
      fsync(13, null, { pid: CHECKPOINTER }),
      ended(14, 1),
      fsync(15, null),
    ];
    assert.deepEqual(statementsOf(records).map(short), [
      ['client backend', BACKEND, null, null, 'create database d', 1, 2],
      ['checkpointer', CHECKPOINTER, null, null, null, 0, 1],
      ['client backend', BACKEND, null, null, null, 0, 1],
    ]);
  });

  it('also when the text is told later than the first fsync', () => {
    assert.deepEqual(statementsOf([backend, fsync(11, 1), began(10, 1, 'commit')]).map(short), [
      ['client backend', BACKEND, null, null, 'commit', 1, 1],
    ]);
  });

  it('to an unknown text when it was gone before it could be read', () => {
    assert.deepEqual(statementsOf([backend, fsync(11, 1)]).map(short), [
      ['client backend', BACKEND, null, null, '<text unknown>', 1, 1],
    ]);
  });

  it('with all others of the same text', () => {
    const other = BACKEND + 1;
    const records = [
      backend,
      titled(other, 'postgres: bob shop [local] idle'),
      began(10, 1, 'commit'),
      fsync(11, 1),
      began(20, 2, 'commit'),
      fsync(21, 2),
      began(30, 1, 'commit', other),
      fsync(31, 1, { pid: other }),
    ];
    assert.deepEqual(statementsOf(records).map(short), [
      ['client backend', null, null, null, 'commit', 3, 3],
    ]);
  });

  it('to the process that has the pid now, not to one that has ended', () => {
    const records = [
      backend,
      fsync(11, 1),
      { type: 'exit', at_us: 20, pid: BACKEND } as const,
      titled(BACKEND, 'postgres: autovacuum worker shop'),
      fsync(31, 1),
    ];
    const { entries } = booksOf(records);
    assert.deepEqual(
      entries.map(({ process, tally }) => [process.identity.kind, tally.fsyncs]),
      [
        ['client backend', 1],
        ['autovacuum worker', 1],
      ],
    );
  });

  it("to WAL when the file is one of WAL's", () => {
    const wal = { path: 'pg_wal/00000001000000000000002A' };
    const [statement] = statementsOf([fsync(1, 1, wal), fsync(2, 1, { path: 'base/5/1259' })]);
    assert.deepEqual([statement?.fsyncs, statement?.wal_fsyncs], [2, 1]);
  });
});

describe("a proxy's statement", () => {
  const seen = (seq: number, startedUs: number, endedUs: number, query: string): ProxyStatement => {
    return { backendPid: BACKEND, session: 7, seq, query, startedUs, endedUs };
  };
  const S = 1_000_000;

  it('is the one that ran on that backend at that time', () => {
    const proxy = new ProxyStatements([seen(1, S, 2 * S, 'commit'), seen(2, 3 * S, 4 * S, 'commit')]);
    const records = [began(3.5 * S, 9, 'commit'), fsync(3.6 * S, 9)];
    assert.deepEqual(statementsOf(records, proxy).map(short), [['unknown', BACKEND, 7, 2, 'commit', 1, 1]]);
  });

  it('is found by its text among those of a pipeline, which were all sent at once', () => {
    const proxy = new ProxyStatements([
      seen(1, S, 2 * S, 'insert into a'),
      seen(2, S, 3 * S, 'insert into b values (1)'),
      seen(3, S, 4 * S, 'insert into a'),
    ]);
    const find = (at: number, text: string | null) => proxy.find(BACKEND, at, text)?.seq;
    assert.equal(find(1.5 * S, 'insert into a'), 1);
    assert.equal(find(1.5 * S, 'insert into b'), 2);
    assert.equal(find(2.5 * S, 'insert into a'), 3);
    assert.equal(find(2.5 * S, null), 2);
  });

  it('may still run', () => {
    const proxy = new ProxyStatements([seen(1, S, Infinity, 'copy t from stdin')]);
    assert.equal(proxy.find(BACKEND, 9 * S, 'copy t from stdin')?.seq, 1);
  });

  it("is none of another backend's, nor of another time's", () => {
    const proxy = new ProxyStatements([seen(1, S, 2 * S, 'commit')]);
    assert.equal(proxy.find(BACKEND + 1, 1.5 * S, 'commit'), null);
    assert.equal(proxy.find(BACKEND, 3 * S, 'commit'), null);
  });

  it('gathers what a parallel worker did for its backend', () => {
    const proxy = new ProxyStatements([seen(1, S, 2 * S, 'create index')]);
    const worker = BACKEND + 1;
    const records = [
      titled(worker, `postgres: parallel worker for PID ${BACKEND} `),
      began(1.5 * S, 1, 'create index', worker),
      fsync(1.6 * S, 1, { pid: worker }),
    ];
    assert.deepEqual(statementsOf(records, proxy).map(short), [
      ['parallel worker', worker, 7, 1, 'create index', 1, 1],
    ]);
  });
});

describe('pages of the commit log', () => {
  const counts = (nextId: number, pages: number, checkpointer: number | null = null): ServerCounts => {
    return { nextId, slruWritten: new Map([['Xact', pages]]), checkpointerWritten: checkpointer };
  };
  const checkpointer = titled(CHECKPOINTER, 'postgres: checkpointer ');
  const backend = titled(BACKEND, 'postgres: alice shop [local] idle');
  const written = (...pages: number[]): TraceBooks =>
    booksOf([checkpointer, backend, ...pages.map((page) => clogPage(page))]);

  it('agree with the ids consumed when they are one per 32768, but for one', () => {
    const verdict = (books: TraceBooks, ids: number) =>
      check(books, counts(700, 0), counts(700 + ids, 0)).clog;
    assert.equal(verdict(written(0, 1, 2, 3), 100_003).verdict, 'agrees');
    assert.equal(verdict(written(0, 1, 2, 3, 3, 3), 100_003).verdict, 'agrees');
    assert.equal(verdict(written(0), 100_003).verdict, 'fewer');
    assert.equal(verdict(written(0, 1, 2, 3), 23).verdict, 'more');
    assert.equal(verdict(written(), 0).verdict, 'agrees');
  });

  it('are counted as different ones across segments of 32', () => {
    const { clog } = check(written(31, 32, 63, 31), null, null);
    assert.deepEqual([clog.pages, clog.different_pages, clog.verdict], [4, 3, 'unchecked']);
  });

  it('are compared with pg_stat_slru, which lacks what the checkpointer wrote', () => {
    const books = booksOf([checkpointer, backend, clogPage(1), clogPage(2), clogPage(3, BACKEND)]);
    const verdict = (pages: number) => check(books, counts(3, 5), counts(3, 5 + pages)).slru[0];
    assert.equal(verdict(3)?.verdict, 'agrees');
    assert.equal(verdict(1)?.verdict, 'explained');
    assert.equal(verdict(2)?.verdict, 'differs');
    assert.deepEqual(verdict(2)?.by, { checkpointer: 2, 'client backend': 1 });
    assert.equal(check(books, null, null).slru[0]?.verdict, 'unchecked');
  });

  it('are compared with pg_stat_checkpointer where the server has it', () => {
    const verdict = (pages: number) =>
      check(written(1, 2), counts(3, 0, 7), counts(3, 0, pages)).checkpointer;
    assert.deepEqual(verdict(9), { server_pages: 2, pages: 2, verdict: 'agrees' });
    assert.equal(verdict(10)?.verdict, 'differs');
    assert.equal(check(written(1), counts(3, 0), counts(3, 0)).checkpointer, null);
  });
});

describe('what the tracer lost', () => {
  it('is said, for all figures are too small then', () => {
    const books = booksOf([
      { type: 'lost', count: 2 },
      { type: 'lost', count: 3 },
    ]);
    assert.equal(summarize({ books, proxy: null, ...AT_1970 }).lost, 5);
  });
});

describe('many statements', () => {
  it('are folded beyond a limit, and the totals still add up', () => {
    const books = new TraceBooks();
    const many = 50_023;
    for (let at = 1; at <= many; at++) {
      books.add(began(at, at, 'commit'));
      books.add(fsync(at, at));
    }
    assert.equal(books.entries.length, 50_001);
    assert.equal(summarize({ books, proxy: null, ...AT_1970 }).totals.fsyncs, many);
  });
});
