import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { judge, type Verdict } from '../../bench/goals.ts';
import type { Sample } from '../../bench/model.ts';

function sample(workload: string, target: string, round: number, figures: Partial<Sample>): Sample {
  return {
    workload,
    target,
    round,
    value: 100,
    work: 1,
    seconds: 1,
    clientCpuSeconds: 0,
    targetCpuSeconds: null,
    serverCpuSeconds: null,
    ...figures,
  };
}

/** The same figure in each of so many rounds. */
function rounds(
  workload: string,
  target: string,
  values: readonly number[],
  more: Partial<Sample> = {},
): Sample[] {
  return values.map((value, at) => sample(workload, target, at + 1, { value, ...more }));
}

function of(samples: readonly Sample[], goal: string, bound: string, workload?: string): Verdict {
  const found = judge({ samples, memory: [] }).find(
    (one) => one.goal === goal && one.bound === bound && (workload ?? one.workload) === one.workload,
  );
  assert.ok(found !== undefined, `${goal} ${bound}`);
  return found;
}

describe('the goals', () => {
  it('are all listed, as not judged, when nothing was measured', () => {
    const verdicts = judge({ samples: [], memory: [] });
    assert.equal(verdicts.length, 4 * 3 + 4 * 2 + 6 + 3 + 2 + 4 + 6 + 2);
    assert.ok(verdicts.every(({ met, measured }) => met === null && measured === null));
  });

  it('compare the rounds with each other, and are met by the median', () => {
    const samples = [
      ...rounds('copy-out-1k', 'pgnetflow', [90, 220, 33]),
      ...rounds('copy-out-1k', 'haproxy', [100, 200, 30]),
    ];
    const verdict = of(samples, 'copy throughput', '≥ 1.00 × haproxy', 'copy-out-1k');
    assert.deepEqual([verdict.met, verdict.measured], [true, { median: 1.1, lowest: 0.9, highest: 1.1 }]);
  });

  it('take the faster of the two PgBouncers', () => {
    const samples = [
      ...rounds('copy-in-40', 'pgnetflow', [100]),
      ...rounds('copy-in-40', 'pgbouncer', [90]),
      ...rounds('copy-in-40', 'pgbouncer-64k', [125]),
    ];
    const verdict = of(samples, 'copy throughput', '≥ 1.00 × pgbouncer-64k', 'copy-in-40');
    assert.deepEqual([verdict.met, verdict.measured?.median], [false, 0.8]);
  });

  it('ask for 0.97 of direct only where PostgreSQL is the limit', () => {
    const at = (serverCpuSeconds: number): Verdict =>
      of(
        [
          ...rounds('copy-out-1k', 'direct', [100], { serverCpuSeconds }),
          ...rounds('copy-out-1k', 'pgnetflow', [95]),
        ],
        'copy throughput',
        '≥ 0.97 × direct',
        'copy-out-1k',
      );
    assert.equal(at(0.95).met, false);
    assert.equal(at(0.5).met, null);
    assert.match(at(0.5).remark ?? '', /used 0\.50 of a CPU directly, so it is not the limit/);
  });

  it('compare CPU time per unit of work', () => {
    const samples = [
      sample('copy-out-40', 'pgnetflow', 1, { targetCpuSeconds: 1.2, work: 2 }),
      sample('copy-out-40', 'pgbouncer', 1, { targetCpuSeconds: 1.01, work: 1 }),
      sample('copy-out-40', 'pgnetflow-off', 1, { targetCpuSeconds: 0.55, work: 1 }),
    ];
    assert.equal(of(samples, 'CPU per GB', '≤ 0.60 × pgbouncer', 'copy-out-40').met, true);
    assert.equal(of(samples, 'CPU of the books', '≤ 1.05 × pgnetflow-off', 'copy-out-40').met, false);
  });

  it('compare the latency that is added to the direct one, even when nothing is', () => {
    const at = (target: string, p99: number): Sample =>
      sample('rate-1000', target, 1, { latencyUs: { p50: 10, p95: 20, p99, max: p99 } });
    const ofAdded = (ours: number, theirs: number): Verdict =>
      of(
        [at('direct', 100), at('pgnetflow', 100 + ours), at('pgbouncer', 100 + theirs)],
        'added latency, p99',
        '≤ 1.00 × pgbouncer',
      );
    assert.deepEqual([ofAdded(30, 20).met, ofAdded(30, 20).measured?.median], [false, 1.5]);
    assert.deepEqual([ofAdded(-3, -2).met, ofAdded(-3, -2).measured], [true, null]);
    assert.match(ofAdded(30, 20).remark ?? '', /p99: 30 µs, by pgbouncer 20 µs/);
  });

  it('say of memory what grew, and how many sessions were held', () => {
    const about = 'it';
    const flat = { kind: 'flat', before: 50, early: 100, peak: 130 } as const;
    const verdicts = judge({
      samples: [],
      memory: [
        { name: 'a', about, ...flat, after: 109 },
        { name: 'b', about, ...flat, after: 111 },
        { name: 'c', about, kind: 'sessions', sessions: 9000, wanted: 10_000, bytesEach: 19 * 1024 },
        { name: 'd', about, kind: 'failed', reason: 'it broke' },
      ],
    }).filter(({ goal }) => goal === 'memory');
    assert.deepEqual(
      verdicts.map(({ workload, met }) => [workload, met]),
      [
        ['a', true],
        ['b', false],
        ['c', true],
        ['c', null],
        ['d', null],
      ],
    );
    assert.match(verdicts[3]!.remark ?? '', /ulimit -n/);
    assert.equal(verdicts[4]!.remark, 'it broke');
  });
});
