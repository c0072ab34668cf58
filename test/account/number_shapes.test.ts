import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { normalize } from '../../src/account/normalize.ts';
import { NumberShapes } from '../../src/account/number_shapes.ts';

/** The first text is remembered; whether the second one is taken for it. */
function takenForOne(first: string, second: string): boolean {
  const shapes = new NumberShapes<string>();
  shapes.set(first, 'first');
  return shapes.get(second) === 'first';
}

const PIECES = (
  '0 7 19 00 1.5 .5 5. 1e5 1e-5 0x1F 1_000 1..9 2a a2 a Ä ( ) , ; = < + - * / [ ] : . % ? | ' +
  `' " $ $1 $$ -- /* */ '1' "1" limit`
)
  .split(' ')
  .concat(' ', '\n', 'in (1, 2)', 'values (1), (2)');
const sqlPieces = fc.array(fc.constantFrom(...PIECES), { maxLength: 12 });

suite('Texts that differ in numbers only', () => {
  test('are found by any one of them', () => {
    assert.ok(takenForOne('select * from t where id = 7', 'select * from t where id = 104729'));
    assert.ok(takenForOne('values (1,2,-3)', 'values (10,20,-30)'));
  });

  const different: readonly (readonly [string, string, string])[] = [
    ['a name', 'select a1 from t where id = 7', 'select a2 from t where id = 7'],
    ['the number of numbers', 'select 1, 2', 'select 1'],
    ['a number and a word', 'select 1', 'select a'],
    ['the spelling of a number', 'select 1', 'select 1.5'],
    ['what follows', 'select 1 from a', 'select 1 from b'],
    ['what separates', 'select 1, 2', 'select 20) 2'],
    ['what separates the last number', 'select 12 ', 'select 3'],
    ['a suffix', 'select 1 a', 'select 1 ab'],
  ];
  for (const [what, first, second] of different) {
    test(`texts that differ in ${what} are not one`, () => assert.ok(!takenForOne(first, second)));
  }

  const unknown: readonly (readonly [string, string])[] = [
    ['no number', 'select a1'],
    ['a string', "select 1, 'a 1'"],
    ['a quoted name', 'select 1, "a 1"'],
    ['a parameter or dollar quotes', 'select 1, $1'],
    ['a line comment', 'select 1 -- 2'],
    ['a block comment', 'select 1 /* 2 */'],
    ['more characters than are worth it', `select 1, ${'a'.repeat(2000)}`],
    ['more numbers than are worth it', `select 1${', 2'.repeat(64)}`],
  ];
  for (const [what, text] of unknown) {
    test(`a text with ${what} is not remembered`, () => {
      const shapes = new NumberShapes<string>();
      assert.equal(shapes.set(text, 'value'), false);
      assert.equal(shapes.get(text), undefined);
    });
  }

  test('have one normal form, whatever the text', () => {
    const digits = fc.array(fc.nat({ max: 10_007 }), { minLength: 12, maxLength: 12 });
    fc.assert(
      fc.property(sqlPieces, sqlPieces, digits, (pieces, others, numbers) => {
        const first = pieces.join('');
        let number = 0;
        const renumbered = first.replaceAll(/\d+/g, () => String(numbers[number++ % numbers.length]));
        const half = pieces.slice(0, others.length).concat(others).join('');
        for (const second of [renumbered, others.join(''), half, `${renumbered}${half}`]) {
          if (takenForOne(first, second)) assert.equal(normalize(second), normalize(first));
        }
      }),
      { numRuns: 2000 },
    );
  });
});
