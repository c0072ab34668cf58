import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { StatementStatistics } from '../../src/account/statistics.ts';
import { SessionSums } from '../../src/collector/session_sums.ts';
import { endedFigures, readState, StateError, stateText } from '../../src/collector/state.ts';
import { type Figures, takeFigures, WHOLE } from '../../src/report/figures.ts';
import { mergedReport } from '../../src/report/report_record.ts';
import type { ReportRecord } from '../../src/report/model.ts';
import { SteadyClock } from '../../src/report/steady_clock.ts';
import { atOnce } from '../../src/report/steps.ts';
import { Flow } from '../../src/session/account.ts';
import { CancelLedger } from '../../src/session/cancel_ledger.ts';
import { client } from '../support/messages.ts';
import { OPENING, relay } from '../support/story.ts';
import { STORIES } from '../support/stories.ts';

const clock = new SteadyClock();
const ABOUT = { version: '0.1.0', statsSince: '2026-01-01T00:00:00.000Z' };

/** Figures of a process in which sessions have played stories. */
function played(stories: readonly number[], maxFingerprints = 1000): Figures {
  const statistics = new StatementStatistics({ maxFingerprints }, 0);
  const sums = new SessionSums(100);
  const sessions = stories.map((story) => {
    const { lines } = STORIES[story % STORIES.length]!;
    const startup = {
      from: 'client' as const,
      bytes: client.startup({ user: `u${story % 3}`, database: 'd' }),
    };
    const session = relay([startup, ...OPENING.slice(1), ...lines]);
    for (const statement of session.statements()) statistics.record(statement);
    sums.ended(session);
    return session;
  });
  const none = { sessions: 0, unbalanced: 0, statements: 0, R: new Flow(), S: new Flow() };
  const sources = {
    clock,
    sessions,
    droppedSessions: none,
    statistics,
    cancels: new CancelLedger(10),
    refused: { connections: stories.length, cancels: 2 * stories.length },
  };
  return { ...atOnce(takeFigures(sources, WHOLE)), databases: atOnce(sums.records([])) };
}

function reportOf(threads: readonly Figures[], maxFingerprints = 1000): ReportRecord {
  return atOnce(mergedReport({ version: '0', clock, startedAt: 1, maxFingerprints }, threads));
}

/** What a report says of all time together; timestamps are those of another millisecond after they were written down. */
function cumulative({ totals, databases, statements, refused }: ReportRecord): unknown {
  const timeless = statements.map(({ first_at: _first, last_at: _last, ...rest }) => rest);
  return {
    totals,
    databases,
    refused,
    statements: timeless.toSorted((a, b) => ((a.fingerprint ?? '') < (b.fingerprint ?? '') ? -1 : 1)),
  };
}

function through(figures: Figures): Figures {
  return readState(atOnce(stateText(figures, ABOUT, clock)), clock).figures;
}

const stories = fc.array(fc.nat(STORIES.length - 1), { maxLength: 11 });

describe('a state', () => {
  it('gives back all sums and histograms that were written', () => {
    fc.assert(
      fc.property(stories, (some) => {
        const figures = played(some);
        const ended = atOnce(endedFigures([figures], 1000));
        assert.deepEqual(cumulative(reportOf([through(ended)])), cumulative(reportOf([figures])));
      }),
      { numRuns: 50 },
    );
  });

  it('goes on as if there had been one process, however often it is restarted', () => {
    fc.assert(
      fc.property(
        fc.array(stories, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 3, max: 40 }),
        (lives, limit) => {
          let kept: readonly Figures[] = [];
          for (const life of lives) {
            const threads = kept.concat(played(life, limit));
            kept = [through(atOnce(endedFigures(threads, limit)))];
          }
          const whole = reportOf([played(lives.flat())]);
          const restarted = reportOf(kept, limit);
          assert.deepEqual(restarted.totals, whole.totals);
          assert.deepEqual(restarted.databases, whole.databases);
          assert.ok(restarted.statements.length <= limit + 1);
          const calls = (report: ReportRecord): number =>
            report.statements.reduce((sum, one) => sum + one.calls, 0);
          assert.equal(calls(restarted), calls(whole));
          if (limit >= whole.statements.length) assert.deepEqual(cumulative(restarted), cumulative(whole));
        },
      ),
      { numRuns: 30 },
    );
  });

  it('does not change the figures that it was made of', () => {
    const figures = played([1, 2, 3]);
    const before = JSON.stringify(cumulative(reportOf([figures])));
    atOnce(stateText(atOnce(endedFigures([figures, figures], 1)), ABOUT, clock));
    assert.equal(JSON.stringify(cumulative(reportOf([figures]))), before);
  });

  it('is told from what is cut off at any place, or changed in any byte', () => {
    const text = atOnce(stateText(atOnce(endedFigures([played([0, 1, 2])], 1000)), ABOUT, clock));
    const refused = (changed: string): void => {
      assert.throws(
        () => readState(changed, clock),
        (error) => error instanceof StateError && error.kind === 'damaged',
      );
    };
    for (let at = 0; at < text.length; at += 7) refused(text.slice(0, at));
    const body = text.indexOf('\n') + 1;
    for (let at = body; at < text.length; at += 13)
      refused(`${text.slice(0, at)}${text[at] === 'x' ? 'y' : 'x'}${text.slice(at + 1)}`);
    refused(`${text}x`);
    refused('');
  });

  it('of another version is told as such', () => {
    const text = atOnce(stateText(atOnce(endedFigures([played([])], 1000)), ABOUT, clock));
    for (const schema of ['pgnetflow.state/2', 'pgnetflow.state/0'])
      assert.throws(
        () => readState(text.replace('pgnetflow.state/1', schema), clock),
        (error) => error instanceof StateError && error.kind === 'version',
      );
  });
});
