import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Calendar } from '../../src/report/calendar.ts';
import { SteadyClock } from '../../src/report/steady_clock.ts';
import { until } from '../support/until.ts';

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

test('timestamps follow the clock of the system, and durations do not', async () => {
  let stepMs = 0;
  const clocks = { steady: () => performance.now(), system: () => Date.now() + stepMs };
  const clock = new SteadyClock(new Calendar(clocks, performance.timeOrigin));
  const before = clock.now();
  const timestamp = clock.timestamp(before);
  const stop = clock.followSystem(1);
  stepMs = 3_600_000;
  const isAhead = (): boolean => Date.parse(clock.timestamp(clock.now())) - Date.now() > 3_599_000;
  await until(isAhead, 'the timestamps to follow');
  stop();
  assert.equal(clock.timestamp(before), timestamp);
  assert.ok(clock.now() - before < 60_000);
});
