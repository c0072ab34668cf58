import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { csvCell, renderCsv } from '../../src/report/csv.ts';
import { CSV_COLUMNS } from '../../src/report/csv_columns.ts';
import type { ReportRecord } from '../../src/report/model.ts';
import { reportRecord } from '../../src/report/report_record.ts';
import { SteadyClock } from '../../src/report/steady_clock.ts';
import { StatementStatistics } from '../../src/account/statistics.ts';
import { Flow } from '../../src/session/account.ts';
import { CancelLedger } from '../../src/session/cancel_ledger.ts';
import { assertGolden } from '../golden.ts';
import { STORIES } from '../support/stories.ts';
import { OPENING, relay } from '../support/story.ts';
import { readCsv } from './csv_reader.ts';
import { account, flow, report, sample, session, statement } from './sample.ts';

const render = (...args: Parameters<typeof renderCsv>): string => [...renderCsv(...args)].join('');

const FIGURES = ['bytes', 'messages', 'reads', 'writes'] as const;

const flows = fc
  .tuple(fc.nat(1e9), fc.nat(1000), fc.nat(1000), fc.nat(1000))
  .map(([bytes, messages, reads, writes]) => flow(bytes, messages, reads, writes));
const accounts = fc.tuple(flows, flows).map(([R, S]) => account(R, S));
const dropped = fc
  .tuple(fc.nat(9), flows, flows)
  .map(([count, R, S]) =>
    count === 0 ? { statements: 0, R: flow(), S: flow() } : { statements: count, R, S },
  );
const statements = fc.array(
  fc.tuple(fc.string({ unit: 'binary' }), flows, flows).map(([query, R, S]) => statement({ query, R, S })),
  { maxLength: 5 },
);
const sessions = fc.array(
  fc
    .tuple(statements, dropped, accounts, accounts, accounts, accounts, fc.string({ unit: 'binary' }))
    .map(([kept, notKept, startup, async, control, opaque, user]) =>
      session({ statements: kept, dropped: notKept, user }, { startup, async, control, opaque }),
    ),
  { maxLength: 4 },
);
const reports = fc
  .tuple(sessions, fc.nat(3), flows, flows)
  .map(([kept, count, R, S]) => report(kept, count === 0 ? {} : { sessions: count, statements: 9, R, S }));

function assertSums(one: ReportRecord): void {
  const [header, ...rows] = readCsv(render(one));
  for (const direction of ['R', 'S'] as const) {
    for (const figure of FIGURES) {
      const at = header!.indexOf(`${direction}_${figure}`);
      const sum = rows.reduce((total, row) => total + Number(row[at]), 0);
      assert.equal(sum, one.totals[direction][figure], `${direction}_${figure}`);
    }
  }
}

describe('the CSV report', () => {
  it('shows a report with one of everything', () => {
    assertGolden('report.csv', render(sample()));
  });

  it('sums to the totals in every column of figures', () => {
    fc.assert(fc.property(reports, (one) => assertSums(one)));
  });

  it('sums to the totals of real sessions, wherever a story of the protocol is cut off', () => {
    const clock = new SteadyClock();
    const story = fc.constantFrom(...STORIES);
    fc.assert(
      fc.property(story, fc.nat(), fc.nat(3), ({ lines }, cut, maxStatementsKept) => {
        const chunks = [...OPENING, ...lines].slice(0, 1 + (cut % (OPENING.length + lines.length)));
        const last = chunks.at(-1)!;
        const half = { from: last.from, bytes: last.bytes.subarray(0, Math.ceil(last.bytes.length / 2)) };
        const relayed = relay([...chunks.slice(0, -1), half], null, maxStatementsKept);
        const none = { sessions: 0, unbalanced: 0, statements: 0, R: new Flow(), S: new Flow() };
        const one = reportRecord({
          version: '0',
          clock,
          startedAt: 0,
          sessions: [relayed],
          databases: [],
          droppedSessions: none,
          statistics: new StatementStatistics({ maxFingerprints: 23 }, 0),
          cancels: new CancelLedger(0),
          refused: { connections: 0, cancels: 0 },
        });
        assertSums(one);
      }),
    );
  });

  it('counts every statement once', () => {
    fc.assert(
      fc.property(reports, (one) => {
        const [header, ...rows] = readCsv(render(one));
        const at = header!.indexOf('statements');
        const sum = rows.reduce((total, row) => total + Number(row[at]), 0);
        const counted = one.sessions.reduce((total, { statement_count }) => total + statement_count, 0);
        assert.equal(sum, counted + one.dropped.statements);
      }),
    );
  });

  it('has as many cells in every row as columns, and each name once', () => {
    const rows = readCsv(render(sample()));
    assert.ok(rows.every((row) => row.length === CSV_COLUMNS.length));
    assert.equal(new Set(rows[0]).size, CSV_COLUMNS.length);
  });
});

describe('a cell of text', () => {
  it('is never a formula', () => {
    for (const text of ['=1+1', '+1', '-- comment', '@x', '\t=1', '\r=1', '\n=1', '＝1', "'=1"]) {
      assert.match(csvCell(text), /^"?'/, JSON.stringify(text));
    }
    for (const text of ['select -1', "'quoted'", ' =1', 'a=1']) assert.equal(csvCell(text), text);
  });

  it('can be had back as it was', () => {
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom("'", '=', '-', '"', ',', '\n', '\r', 'a') }),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const cell = readCsv(`${csvCell(text)}\r\n`)[0]?.[0] ?? '';
        assert.equal(/^'+[=+\-@\t\r\n＝＋－＠]/.test(cell) ? cell.slice(1) : cell, text);
      }),
    );
  });

  it('is told from no text at all', () => {
    assert.equal(csvCell(''), '""');
    assert.equal(csvCell(null), '');
  });

  it('leaves numbers alone', () => {
    assert.equal(csvCell(-1), '-1');
    assert.equal(csvCell(true), 'true');
  });
});
