import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { StickyTop, type TopRow } from '../../src/http/sticky_top.ts';
import type { FingerprintRecord } from '../../src/report/model.ts';
import { sample } from '../report/sample.ts';

const TEMPLATE = sample().statements[0]!;

function record(fingerprint: string | null, bytes: number): FingerprintRecord {
  return {
    ...TEMPLATE,
    fingerprint,
    query: fingerprint,
    S: { ...TEMPLATE.S, bytes },
    R: { ...TEMPLATE.R, bytes: 0 },
  };
}

function top(places: number): StickyTop {
  return new StickyTop(places, ({ S }) => [S.bytes]);
}

function names(rows: readonly TopRow[]): (string | null)[] {
  return rows.map(({ fingerprint }) => fingerprint);
}

describe('the statements that have metrics of their own', () => {
  it('are the largest, and all others are one row', () => {
    const rows = top(2).rows([record('a', 700), record('b', 300), record('c', 90), record(null, 10)]);
    assert.deepEqual(
      rows.map(({ fingerprint, figures }) => [fingerprint, figures[0]]),
      [
        ['a', 700],
        ['b', 300],
        [null, 100],
      ],
    );
  });

  it('keep their places when others outgrow them', () => {
    const statements = top(2);
    statements.rows([record('a', 700), record('b', 600)]);
    assert.deepEqual(names(statements.rows([record('c', 9000), record('a', 700), record('b', 600)])), [
      'a',
      'b',
      null,
    ]);
  });

  it('leave half of the places to those that move their part of all bytes', () => {
    const statements = top(4);
    const small = [record('a', 10), record('b', 9), record('c', 1), record('d', 1)];
    assert.deepEqual(names(statements.rows(small)), ['a', 'b', null]);
    assert.deepEqual(names(statements.rows([record('night', 5000), ...small])), ['a', 'b', 'night', null]);
  });

  it('have what they moved since they have a place, so that the row of the others never shrinks', () => {
    const statements = top(4);
    const small = [record('a', 100), record('b', 90)];
    statements.rows([...small, record('late', 10)]);
    const rows = statements.rows([record('late', 1000), ...small]);
    assert.deepEqual(
      rows.map(({ fingerprint, figures }) => [fingerprint, figures[0]]),
      [
        ['a', 100],
        ['b', 90],
        ['late', 0],
        [null, 1000],
      ],
    );
    const [, , late] = statements.rows([record('late', 1500), ...small]);
    assert.equal(late!.figures[0], 500);
  });

  it('stay as they are while they are folded away, and go on from there when they come back', () => {
    const statements = top(2);
    statements.rows([record('a', 700), record('b', 600)]);
    const away = statements.rows([record('a', 700), record(null, 600)]);
    assert.deepEqual(
      away.map(({ figures }) => figures[0]),
      [700, 600, 0],
    );
    const back = statements.rows([record('a', 700), record('b', 50), record(null, 600)]);
    assert.deepEqual(
      back.map(({ figures }) => figures[0]),
      [700, 650, 0],
    );
  });

  it('only ever grow, and add up to all that was moved, in whatever order things happen', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g');
    const act = fc.oneof(
      fc.record({ kind: fc.constant('moves' as const), name, bytes: fc.integer({ min: 1, max: 1000 }) }),
      fc.record({ kind: fc.constant('is folded' as const), name, bytes: fc.constant(0) }),
      fc.record({ kind: fc.constant('scrape' as const), name, bytes: fc.constant(0) }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 5 }), fc.array(act, { maxLength: 60 }), (places, acts) => {
        const statements = top(places);
        const kept = new Map<string, number>();
        let folded = 0;
        let all = 0;
        const before = new Map<string | null, number>();
        for (const { kind, name: who, bytes } of acts) {
          if (kind === 'moves') {
            kept.set(who, (kept.get(who) ?? 0) + bytes);
            all += bytes;
          } else if (kind === 'is folded') {
            folded += kept.get(who) ?? 0;
            kept.delete(who);
          } else {
            const largest = [...kept].toSorted(([, one], [, other]) => other - one);
            const rows = statements.rows([
              ...largest.map(([fingerprint, size]) => record(fingerprint, size)),
              ...(folded > 0 ? [record(null, folded)] : []),
            ]);
            let sum = 0;
            for (const { fingerprint, figures } of rows) {
              assert.ok(figures[0]! >= (before.get(fingerprint) ?? 0), `${fingerprint} has shrunk`);
              before.set(fingerprint, figures[0]!);
              sum += figures[0]!;
            }
            assert.equal(sum, all);
            assert.ok(rows.length <= places + 1);
          }
        }
      }),
    );
  });
});
