import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SteadyClock } from '../../src/report/steady_clock.ts';

test('all clocks of a process give one reading the same timestamp', () => {
  const clocks = Array.from({ length: 23 }, () => new SteadyClock());
  const reading = performance.now();
  const timestamps = new Set(clocks.map((clock) => clock.timestamp(reading)));
  assert.equal(timestamps.size, 1);
});

test('a timestamp is the wall-clock time of its reading', () => {
  const clock = new SteadyClock();
  assert.ok(Math.abs(Date.parse(clock.timestamp(clock.now())) - Date.now()) < 1000);
});
