import assert from 'node:assert/strict';
import { it } from 'node:test';
import { pino } from 'pino';
import { SeldomLog } from '../../src/proxy/seldom.ts';

it('logs the first of a flood, and then now and again how many there were, each topic by itself', () => {
  const lines: unknown[] = [];
  const log = new SeldomLog<'a' | 'b'>(
    pino(
      { base: null, timestamp: false },
      { write: (line) => lines.push(Reflect.get(JSON.parse(line), 'msg')) },
    ),
  );
  for (let now = 0; now < 23_000; now += 1000) log.warn('a', `a at ${now}`, now);
  log.warn('b', 'b', 23_000);
  assert.deepEqual(lines, [
    'a at 0',
    'a at 10000 (and 9 more since this was last logged)',
    'a at 20000 (and 9 more since this was last logged)',
    'b',
  ]);
});
