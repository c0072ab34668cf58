import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Largest } from '../../src/session/largest.ts';

describe('the largest of many', () => {
  it('are what sorting would keep, of equal ones the earlier, whatever is taken out meanwhile', () => {
    const steps = fc.array(fc.oneof(fc.nat(20), fc.constant(null)), { maxLength: 200 });
    fc.assert(
      fc.property(steps, fc.nat(23), (script, limit) => {
        const largest = new Largest<{ size: number; order: number }>(limit, ({ size }) => size);
        let model: { size: number; order: number }[] = [];
        for (const [order, size] of script.entries()) {
          const bySize = model.toSorted((a, b) => b.size - a.size || a.order - b.order);
          if (size === null) {
            const least = bySize.at(-1) ?? null;
            assert.equal(largest.leastSize, least?.size ?? null);
            assert.equal(largest.removeLeast(), least);
            model = model.filter((item) => item !== least);
          } else {
            const item = { size, order };
            const kept = [...bySize, item].toSorted((a, b) => b.size - a.size || a.order - b.order);
            const out = kept.length > limit ? kept.pop()! : null;
            assert.equal(largest.add(item), out);
            model = [...model, item].filter((one) => one !== out);
          }
          assert.deepEqual(largest.list(), model);
          assert.equal(largest.length, model.length);
          const ascending = (sizes: Iterable<number>): number[] => [...sizes].toSorted((a, b) => a - b);
          assert.deepEqual(ascending(largest.sizes()), ascending(model.map((item) => item.size)));
        }
      }),
    );
  });
});
