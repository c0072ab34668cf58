import { strict as assert } from 'node:assert';
import { it } from 'node:test';
import { reconcile } from '../../src/kernel/reconcile.ts';
import type { SessionRecord } from '../../src/report/model.ts';
import { report } from '../report/sample.ts';
import { ledgerOf, type Line, play, type Played, tell } from '../support/kernel_recording.ts';
import { client as c, server as s } from '../support/messages.ts';
import { OPENING } from '../support/story.ts';

/** A session that sends one statement of so many bytes. */
function playedWith(bytes: number): Played {
  const query = { from: 'client' as const, bytes: c.query('x'.repeat(bytes)) };
  const answer = { from: 'server' as const, bytes: Buffer.concat([s.complete('SELECT 1'), s.ready()]) };
  return play([...OPENING, query, answer], [0])!;
}

const BEGIN = Date.parse('2026-11-21T13:00:00.000Z');

/** The session as if it had begun so many milliseconds after the others. */
function at(ms: number, id: number, { session }: Played): SessionRecord {
  return {
    ...session,
    id,
    started_at: new Date(BEGIN + ms).toISOString(),
    ended_at: new Date(BEGIN + ms + 30).toISOString(),
  };
}

/** Its records between those of attach and detach, as if they had been so many milliseconds after the others. */
function recordsAt(ms: number, played: Played): Line[] {
  return tell(played, { pieces: [3] })
    .slice(1, -1)
    .map((line) => ({
      ...line,
      ...('clock_us' in line && { clock_us: Number(line['clock_us']) + ms * 1000 }),
    }));
}

const ATTACH: Line = {
  type: 'attach',
  schema: 'pgnetflow.probe/1',
  method: 'stap',
  at: '2026-11-21T13:00:00.000Z',
  clock_us: 1000,
};
const DETACH: Line = { type: 'detach', clock_us: 1e12, lost: 0 };

it('sessions with the same ends, one after the other, each get their own sockets', () => {
  const [first, second, third] = [playedWith(7), playedWith(11), playedWith(13)];
  const ledger = ledgerOf([
    ATTACH,
    ...recordsAt(0, first),
    ...recordsAt(100, second),
    ...recordsAt(60_000, third),
    DETACH,
  ]);
  const judged = reconcile(report([at(60_000, 3, third), at(0, 1, first), at(100, 2, second)]), ledger);
  assert.deepEqual(
    judged.sessions.map(({ id, kernel }) => [id, kernel.verdict]),
    [
      [3, 'ok'],
      [1, 'ok'],
      [2, 'ok'],
    ],
  );
  assert.equal(judged.kernel?.other_sockets, 0);
});

it('a session does not get the sockets of another time', () => {
  const played = playedWith(7);
  const ledger = ledgerOf([ATTACH, ...recordsAt(0, played), DETACH]);
  const judged = reconcile(report([at(10_000, 1, played)]), ledger);
  assert.equal(judged.sessions[0]!.kernel.verdict, 'unchecked');
  assert.equal(judged.kernel?.other_sockets, 3);
});
