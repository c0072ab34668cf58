import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { SessionSums } from '../../src/collector/session_sums.ts';
import type { SessionSumRecord } from '../../src/report/model.ts';
import { sessionRecord } from '../../src/report/session_record.ts';
import { SteadyClock } from '../../src/report/steady_clock.ts';
import { atOnce } from '../../src/report/steps.ts';
import type { Session } from '../../src/session/session.ts';
import { client } from '../support/messages.ts';
import { OPENING, relay } from '../support/story.ts';
import { STORIES } from '../support/stories.ts';

/** A session of a user in a database that plays a story, ended or not. */
function playing(story: number, database: string, user: string, ends: boolean): Session {
  const { lines } = STORIES[story % STORIES.length]!;
  const startup = { from: 'client' as const, bytes: client.startup({ user, database }) };
  return relay([startup, ...OPENING.slice(1), ...lines], ends ? 'terminate' : null);
}

const sessions = fc.array(
  fc.tuple(fc.nat(), fc.constantFrom('shop', 'main', 'log'), fc.constantFrom('alice', 'bob'), fc.boolean()),
  { maxLength: 31 },
);

function total(records: readonly SessionSumRecord[], of: (record: SessionSumRecord) => number): number {
  return records.reduce((sum, record) => sum + of(record), 0);
}

const clock = new SteadyClock();

describe('sums by database and user', () => {
  it('add up to what all sessions have moved, whatever the limit, and as often as they are asked for', () => {
    fc.assert(
      fc.property(sessions, fc.integer({ min: 1, max: 7 }), (some, limit) => {
        const all = some.map(([story, database, user, ends]) => playing(story, database, user, ends));
        const sums = new SessionSums(limit);
        for (const session of all) if (session.endedAt !== null) sums.ended(session);
        const open = all.filter(({ endedAt }) => endedAt === null);
        const rows = open.map((session) => sessionRecord(session, clock));
        atOnce(sums.records(rows));
        const records = atOnce(sums.records(rows));
        assert.ok(records.length <= limit + 1);
        const figures: readonly (readonly [
          (record: SessionSumRecord) => number,
          (session: Session) => number,
        ])[] = [
          [({ sessions: count }) => count, () => 1],
          [({ open: count }) => count, ({ endedAt }) => (endedAt === null ? 1 : 0)],
          [({ statements }) => statements, ({ statementCount }) => statementCount],
          [({ roundtrips }) => roundtrips, ({ roundtrips }) => roundtrips],
          [({ transactions }) => transactions, ({ facts }) => facts.transactions],
          [({ R }) => R.bytes, ({ flows }) => flows.R.bytes],
          [({ S }) => S.bytes, ({ flows }) => flows.S.bytes],
          [({ S }) => S.messages, ({ flows }) => flows.S.messages],
        ];
        for (const [ofRecord, ofSession] of figures) {
          const expected = all.reduce((sum, session) => sum + ofSession(session), 0);
          assert.equal(total(records, ofRecord), expected, String(ofRecord));
        }
      }),
    );
  });
});
