import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { jsonOf } from '../../src/console/json.ts';

describe('rows as JSON', () => {
  it('hold what they held, in ASCII, but what is no text in PostgreSQL', async () => {
    const text = fc.string({ unit: 'binary' });
    const row = fc.record({ text, number: fc.integer(), truth: fc.boolean(), nothing: fc.constant(null) });
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 7 }), async (rows) => {
        const json = await jsonOf(rows);
        assert.match(json, /^[ -~]*$/);
        const shown = rows.map((one) => ({
          ...one,
          text: Buffer.from(one.text).toString().replaceAll('\0', '\ufffd'),
        }));
        assert.deepEqual(JSON.parse(json), shown);
      }),
    );
  });

  it('are asked for one by one, while others have their turn', async () => {
    const made: number[] = [];
    const rows = (function* () {
      while (made.length < 2003) {
        const until = performance.now() + 0.02;
        while (performance.now() < until);
        yield { made: made.push(1) };
      }
    })();
    const json = jsonOf(rows);
    const turns: number[] = [];
    while (made.length < 2003) {
      turns.push(made.length);
      await setImmediate();
    }
    assert.equal((await json).split(',').length, 2003);
    assert.ok(turns.length > 20, `${turns.length} turns`);
  });
});
