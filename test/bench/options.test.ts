import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BEGIN, END, withMeasured } from '../../bench/document.ts';
import { choose, readOptions } from '../../bench/options.ts';
import { recordLatencies } from '../../bench/workloads/rate.ts';
import { WORKLOADS } from '../../bench/workloads/workloads.ts';
import { Distribution } from '../../src/account/distribution.ts';

const NAMES = ['pgnetflow', 'pgnetflow-off', 'pgnetflow-tls', 'haproxy'].map((name) => ({ name }));

function chosen(...wanted: string[]): string[] {
  return choose(NAMES, wanted).map(({ name }) => name);
}

describe('the options of the benchmark', () => {
  it('choose by the whole name first, and else by its beginning', () => {
    assert.deepEqual(chosen('pgnetflow'), ['pgnetflow']);
    assert.deepEqual(chosen('pgnet'), ['pgnetflow', 'pgnetflow-off', 'pgnetflow-tls']);
    assert.deepEqual(chosen('pgnetflow-', 'ha'), ['pgnetflow-off', 'pgnetflow-tls', 'haproxy']);
    assert.deepEqual(
      chosen(),
      NAMES.map(({ name }) => name),
    );
    assert.throws(() => chosen('nginx'), /"nginx" is none of: pgnetflow, /);
  });

  it('write the document for a full run of everything only, unless told', () => {
    assert.equal(readOptions([]).document, 'docs/performance.md');
    assert.equal(readOptions(['--document', 'none']).document, null);
    for (const part of [['--quick'], ['--only', 'copy'], ['--targets', 'haproxy']]) {
      assert.equal(readOptions(part).document, null);
      assert.equal(readOptions([...part, '--document', 'x.md']).document, 'x.md');
    }
  });

  it('have no two workloads of one name', () => {
    const names = WORKLOADS.map(({ name }) => name);
    assert.deepEqual(names, [...new Set(names)]);
  });
});

describe('the document', () => {
  it('keeps its prose and gets the figures between its marks, without their title', () => {
    const prose = `# Performance\n\nProse.\n\n${BEGIN}\nold\n${END}\n\nMore prose.\n`;
    const written = withMeasured(prose, '# pgnetflow benchmark\n\n- today\n\n## Goals\n');
    assert.equal(
      written,
      `# Performance\n\nProse.\n\n${BEGIN}\n\n- today\n\n## Goals\n\n${END}\n\nMore prose.\n`,
    );
    assert.equal(withMeasured(written, '# x\n\n- today\n\n## Goals\n'), written);
  });

  it('is refused without marks', () => {
    assert.throws(() => withMeasured('# Performance\n', '# x\n'), /it has no lines/);
  });
});

describe("pgbench's log", () => {
  it('is read line by line: the third figure is the latency in µs', () => {
    const latencyUs = new Distribution();
    recordLatencies(
      '0 1 250 0 1763730000 1234 12\n3 1 260 0 1763730000 1300 0\n0 2 9000 0 1 2 3\n',
      latencyUs,
    );
    const { p50, max } = latencyUs.quantiles();
    assert.ok(p50 >= 257 && p50 <= 263, String(p50));
    assert.equal(max, 9000);
  });
});
