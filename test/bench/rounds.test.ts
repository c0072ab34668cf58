import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Children } from '../../bench/children.ts';
import { type Endpoint, METRICS } from '../../bench/model.ts';
import { measureInRounds } from '../../bench/rounds.ts';
import { summarize } from '../../bench/summary.ts';
import type { Target } from '../../bench/targets/targets.ts';
import type { Workload } from '../../bench/workloads/workload.ts';

const PLAN = { rounds: 3, size: 1 };
const children = new Children('/nowhere');
const silent = (): void => undefined;

function target(name: string, port: number): Target {
  return { name, about: name, endpoint: { host: '127.0.0.1', port }, pid: null, tls: null };
}

/** Tells its caller's figure and notes which port was measured with how much work. */
function workload(runs: string[], value: (at: Endpoint) => number): Workload {
  return {
    name: 'pretended',
    about: 'does nothing',
    metric: METRICS.throughput,
    work: 10,
    measure: (at, work) => {
      runs.push(`${at.port}:${work}`);
      return Promise.resolve({ value: value(at), work, seconds: 1, clientCpuSeconds: 0 });
    },
  };
}

test('rounds run to and fro between the targets, after a warm-up of each', async () => {
  const runs: string[] = [];
  const targets = [target('direct', 1), target('a', 2), target('b', 3)];
  const { samples, skipped } = await measureInRounds(
    workload(runs, ({ port }) => port),
    targets,
    PLAN,
    children,
    silent,
  );
  const warmUps = ['1:1', '2:1', '3:1'];
  const there = ['1:10', '2:10', '3:10'];
  assert.deepEqual(runs, [...warmUps, ...there, ...there.toReversed(), ...there]);
  assert.equal(samples.length, 9);
  assert.deepEqual(skipped, []);
});

test('a target that fails is named with the reason and left out; the others go on', async () => {
  const runs: string[] = [];
  const fails = workload(runs, ({ port }) => {
    if (port === 2 && runs.length > 2) throw new Error('it broke');
    return port;
  });
  const { samples, skipped } = await measureInRounds(
    fails,
    [target('direct', 1), target('a', 2)],
    PLAN,
    children,
    silent,
  );
  assert.deepEqual(runs, ['1:1', '2:1', '1:10', '2:10', '1:10', '1:10']);
  assert.equal(samples.length, 3);
  assert.deepEqual(skipped, [{ what: 'pretended through a', reason: 'it broke', failed: true }]);
});

test('a ratio compares with the direct run of the same round', async () => {
  const figures = [100, 50, 30, 60, 10, 7, 8, 10];
  const load = workload([], () => figures.shift() ?? Number.NaN);
  const targets = [target('direct', 1), target('a', 2)];
  const { samples } = await measureInRounds(load, targets, PLAN, children, silent);
  // Behind the warm-up: 30 and 60; then to the other side 10 and 7; then 8 and 10.
  assert.deepEqual(summarize(load, 'a', samples).ratio, { median: 10 / 7, lowest: 10 / 8, highest: 2 });
  const latency = { ...load, metric: METRICS.latency };
  assert.deepEqual(summarize(latency, 'a', samples).ratio, { median: 7 / 10, lowest: 0.5, highest: 0.8 });
});

test('rounds for which there is no time left are named, but two are run', async () => {
  const runs: string[] = [];
  const load = workload(runs, () => 1);
  const plan = { rounds: 5, size: 1, endByMs: 0 };
  const { samples, skipped } = await measureInRounds(load, [target('direct', 1)], plan, children, silent);
  assert.equal(samples.length, 2);
  assert.deepEqual(skipped, [
    { what: 'pretended', reason: '2 of 5 rounds, for its time was up', failed: false },
  ]);
});

test('TLS meets the targets that speak it, and the server, and nobody else', async () => {
  const seen: [number, boolean | undefined][] = [];
  const load: Workload = {
    ...workload([], () => 1),
    measure: (at, work) => {
      seen.push([at.port, at.tls]);
      return Promise.resolve({ value: 1, work, seconds: 1, clientCpuSeconds: 0 });
    },
  };
  const targets = [
    target('direct', 1),
    target('plain', 2),
    { ...target('both', 3), tls: { client: true, server: true } },
    { ...target('server', 4), tls: { client: false, server: true } },
  ];
  const plan = { rounds: 1, size: 1 };
  await measureInRounds({ ...load, tls: true }, targets, plan, children, silent);
  assert.deepEqual(seen.splice(0).slice(3), [
    [1, true],
    [3, true],
    [4, false],
  ]);
  await measureInRounds(load, targets, plan, children, silent);
  assert.deepEqual(seen.slice(2), [
    [1, false],
    [2, false],
  ]);
});
