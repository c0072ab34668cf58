import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { StatementStatistics } from '../../src/account/statistics.ts';
import { type FigureSources, takeFigures, WHOLE } from '../../src/report/figures.ts';
import { mergedReport, reportRecord } from '../../src/report/report_record.ts';
import { SteadyClock } from '../../src/report/steady_clock.ts';
import { atOnce } from '../../src/report/steps.ts';
import { Flow } from '../../src/session/account.ts';
import { CancelLedger } from '../../src/session/cancel_ledger.ts';
import { finishedStatement } from '../support/finished_statement.ts';
import { OPENING, relay } from '../support/story.ts';
import { STORIES } from '../support/stories.ts';

const clock = new SteadyClock();

function sourcesOf(stories: readonly number[], maxFingerprints = 7): FigureSources {
  return {
    clock,
    sessions: stories.map((at) => relay([...OPENING, ...STORIES[at % STORIES.length]!.lines], 'terminate')),
    droppedSessions: { sessions: 0, unbalanced: 0, statements: 0, R: new Flow(), S: new Flow() },
    statistics: new StatementStatistics({ maxFingerprints }, 1),
    cancels: new CancelLedger(23),
    refused: { connections: 2, cancels: 3 },
  };
}

const heading = { version: '1', clock, startedAt: 1, maxFingerprints: 100 };

describe('figures', () => {
  it('that are taken in steps are those taken in one go', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 7 }), (stories) => {
        const sources = sourcesOf(stories);
        const { sessions } = atOnce(takeFigures(sources, WHOLE));
        const report = reportRecord({ ...sources, version: '1', startedAt: 1, databases: [] });
        const sorted = (all: readonly object[]): string[] => all.map((one) => JSON.stringify(one)).toSorted();
        assert.deepEqual(sorted(sessions), sorted(report.sessions));
      }),
    );
  });

  it('hold a statement once, though its totals are folded away while they are taken', () => {
    const sources = sourcesOf([], 3);
    const record = (name: string): void => {
      sources.statistics.record(finishedStatement({ query: `select ${name}`, bytesS: 1000 }));
    };
    for (const name of ['a', 'b', 'c']) record(name);
    const steps = takeFigures({ ...sources, sessions: sourcesOf([1]).sessions }, WHOLE);
    steps.next();
    for (const name of ['d', 'e', 'f', 'g']) record(name);
    const figures = { ...atOnce(steps), databases: [] };
    const { statements } = atOnce(mergedReport(heading, [figures]));
    assert.equal(
      statements.reduce((sum, { calls }) => sum + calls, 0),
      3,
    );
  });

  it('of two threads make the report that one would have made', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), fc.nat(5), fc.nat(10_000)), { maxLength: 31 }),
        fc.integer({ min: 1, max: 7 }),
        (statements, limit) => {
          const [one, left, right] = [sourcesOf([]), sourcesOf([]), sourcesOf([])];
          for (const [isLeft, name, bytesS] of statements) {
            const made = (): Parameters<StatementStatistics['record']>[0] =>
              finishedStatement({ query: `select c${'x'.repeat(name)}`, bytesS });
            one.statistics.record(made());
            (isLeft ? left : right).statistics.record(made());
          }
          const figuresOf = (sources: FigureSources) => ({
            ...atOnce(takeFigures(sources, WHOLE)),
            databases: [],
          });
          const report = (all: readonly FigureSources[]) =>
            atOnce(mergedReport({ ...heading, maxFingerprints: limit }, all.map(figuresOf)));
          const [single, both] = [report([one]), report([left, right])];
          assert.deepEqual(both.totals, single.totals);
          assert.ok(both.statements.length <= limit + 1);
          const sum = (of: typeof single, what: 'calls' | 'rows'): number =>
            of.statements.reduce((total, row) => total + row[what], 0);
          assert.equal(sum(both, 'calls'), sum(single, 'calls'));
          if (limit >= 6)
            assert.deepEqual(
              both.statements.map(({ R, S, calls, query }) => ({ R, S, calls, query })),
              single.statements.map(({ R, S, calls, query }) => ({ R, S, calls, query })),
            );
          assert.deepEqual(both.refused, { connections: 4, cancels: 6 });
        },
      ),
    );
  });
});
