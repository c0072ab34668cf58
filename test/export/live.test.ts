import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import pino from 'pino';
import { LiveOutput } from '../../src/export/live.ts';
import { client, server } from '../support/messages.ts';
import { C, OPENING, S, relay } from '../support/story.ts';

describe('the live output', () => {
  it('prints a block per statement', async () => {
    const written: string[] = [];
    const sink = {
      written: 0,
      write: (pieces: Iterable<string>) => Promise.resolve(void written.push(...pieces)),
      close: () => Promise.resolve(),
    };
    const live = new LiveOutput(sink, pino({ level: 'silent' }));
    const session = relay([
      ...OPENING,
      C(1, client.query('select 1')),
      S(1, server.complete('SELECT 1')),
      S(1, server.ready()),
    ]);
    for (const statement of session.statements()) live.write(session, statement);
    await live.close();
    assert.match(
      written.join(''),
      /^query: select 1\n-S-from:-:0-to:127\.0\.0\.1:1, pkgs:2, .*\n-R-from:127\.0\.0\.1:1-to:-:0, pkgs:1, .*\n$/,
    );
  });
});
