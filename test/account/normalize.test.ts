import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { normalize } from '../../src/account/normalize.ts';

type Case = readonly [story: string, sql: string, normal: string];

const CASES: Record<string, readonly Case[]> = {
  Literals: [
    ['a number', 'SELECT abalance FROM t WHERE aid = 12345;', 'select abalance from t where aid = ?'],
    ['an exponent', 'select 1e5, 1E-5, 1.5e+10', 'select ?, ?, ?'],
    ['a number that begins or ends with its dot', 'select .5, 5.', 'select ?, ?'],
    ['other bases', 'select 0x1F, 0o17, 0b11', 'select ?, ?, ?'],
    ['a hexadecimal number is not continued by a sign', 'select 0x1e+5', 'select ? + ?'],
    ['underscores', 'select 1_000_000', 'select ?'],
    ['junk behind a number belongs to it', 'select 123abc', 'select ?'],
    ['a range', 'for i in 1..10', 'for i in ?..?'],
    ['a string with a quote', "select 'it''s'", 'select ?'],
    ['a backslash ends no standard string early', "select 'a\\', b", 'select ?, b'],
    ['an escape string with an escaped quote', "select E'\\'', e'a\\\\', b", 'select ?, ?, b'],
    [
      'bit strings, national and Unicode strings',
      "select B'01', x'fF', N'ü', U&'d\\0061'",
      'select ?, ?, ?, ?',
    ],
    ['dollar quotes', 'do $$ select 1 $$; select $a$ $b$ $$ $a$', 'do ?; select ?'],
    ['a string that goes on in the next line', "select 'a'\n  'b'", 'select ?'],
    ['a type before a string', "select date '2020-01-01', a'b'", 'select date ?, a ?'],
    ['null, true and false are no literals', 'select null, true, false', 'select null, true, false'],
  ],
  'Cut literals': [
    ['a string without end', "select 'secret", 'select ?'],
    ['a string whose end may be half a quote', "select 'secret''", 'select ?'],
    ['an escape string that ends with its backslash', "select E'secret\\", 'select ?'],
    ['a dollar quote without end', 'select $x$secret$x', 'select ?'],
    ['a number', 'select 0x', 'select ?'],
    ['a comment without end', 'select a /* secret /* b */', 'select a'],
    ['a quoted name without end is kept', 'select "Na', 'select "Na'],
  ],
  Signs: [
    ['a negative number', 'where a = -1 and b=-1 and c=+1', 'where a = ? and b = ? and c = ?'],
    ['a subtraction', 'select a-1, a -1, $1-1, 1-1, (a)-1', 'select a - ?, a - ?, $1 - ?, ? - ?, (a) - ?'],
    ['signs behind keywords', 'select -1 limit -1', 'select ? limit ?'],
    ['several signs', 'select - + -1', 'select ?'],
    ['a sign that belongs to no literal', 'select -a, - $1', 'select - a, - $1'],
    ['an operator that ends in a sign', 'select a @- 1, a *-1', 'select a @- ?, a * ?'],
  ],
  'Names and operators': [
    [
      'what is not quoted is folded',
      'SELECT "Tab"."Col" AS "a""B" FROM Größe',
      'select "Tab"."Col" as "a""B" from größe',
    ],
    ['a quoted name with Unicode escapes', 'select U&"d\\0061T"', 'select u&"d\\0061T"'],
    ['parameters are kept', 'select $1::int, $2', 'select $1::int, $2'],
    ['casts', "select 'a'::text, a :: int, (1)::int", 'select ?::text, a::int, (?)::int'],
    ['the operators of jsonb', `a ? 'b' and a ?| $1 and a @> '{}'`, 'a ? ? and a ?| $1 and a @> ?'],
    ['subscripts and slices', 'select a[1], a[1:2], a[-1:]', 'select a[?], a[?:?], a[?:]'],
    ['a digit or dollar sign within a name', 'select t1.a$1', 'select t1.a$1'],
    ['what is not SQL', 'select \\ {x} $abc', 'select \\ { x } $ abc'],
  ],
  Space: [
    ['space does not matter', 'select\ta ,b\r\nfrom  t where(a=1)', 'select a, b from t where (a = ?)'],
    ['comments are space', 'select/* x */a -- y\n,b--', 'select a, b'],
    ['comments nest', 'select /* /* */ 1 */ a', 'select a'],
    ['a comment ends an operator', 'select 1*/* x */2, 3+--\n4', 'select ? * ?, ? + ?'],
    ['functions', 'select count (*), f( 1 )', 'select count(*), f(?)'],
    ['semicolons at the end', 'select 1 ; ;', 'select ?'],
    ['several commands', 'begin;select 1;commit', 'begin; select ?; commit'],
    ['nothing', ' -- nothing', ''],
  ],
  Lists: [
    ['IN', "where a in (1,2,3) and b not in ('a')", 'where a in (?) and b not in (?)'],
    [
      'IN with casts and calls',
      "where a in ('a'::t, 'b'::t, lower('C'), lower('D'))",
      'where a in (?::t, lower(?))',
    ],
    ['IN with rows', 'where (a,b) in ((1,2),(3,4))', 'where (a, b) in ((?, ?))'],
    ['IN with names', 'where 1 in (a, b, a$1, a$2)', 'where ? in (a, b, a$1, a$2)'],
    ['IN with a query', 'where a in (select b, c from t)', 'where a in (select b, c from t)'],
    ['ARRAY', 'select array[1,2], array[array[1,2],array[3]]', 'select array[?], array[array[?]]'],
    [
      'parameters of a list, and those behind it',
      'a in ($1,$2,$3) and b = $4 limit $5',
      'a in ($1) and b = $2 limit $3',
    ],
    [
      'a parameter that is used twice',
      'a in ($1,$1,$2) and b = $1 and c = $3',
      'a in ($1) and b = $1 and c = $2',
    ],
    ['arguments are no list', 'select f(1, 2)', 'select f(?, ?)'],
    ['VALUES', "insert into t (a,b) values (1,'x'),(2,'y')", 'insert into t(a, b) values (?, ?)'],
    [
      'VALUES with other rows',
      'values (1, f(2)), (default, null) on conflict do nothing',
      'values (?, f(?)) on conflict do nothing',
    ],
    ['VALUES with parameters', 'values ($1,$2),($3,$4) returning $5', 'values ($1, $2) returning $3'],
    ['VALUES within VALUES', 'values ((values (1),(2))),(3)', 'values ((values (?)))'],
  ],
  'Names that are made up': [
    ['savepoints', 'SAVEPOINT s140_x1', 'savepoint ?'],
    ['quoted savepoints', 'ROLLBACK TO SAVEPOINT "s 1";', 'rollback to savepoint ?'],
    ['released savepoints', 'release s1', 'release ?'],
    ['prepared statements', 'DEALLOCATE pdo_stmt_00000001', 'deallocate ?'],
    ['all prepared statements', 'DEALLOCATE ALL', 'deallocate all'],
  ],
};

for (const [title, cases] of Object.entries(CASES)) {
  suite(title, () => {
    for (const [story, sql, normal] of cases) test(story, () => assert.equal(normalize(sql), normal));
  });
}

suite('Truncated texts', () => {
  const rows = 'insert into t values (1, 2), (3, -4), (5, 6)';

  test('where rows of VALUES are cut does not matter', () => {
    for (let cut = rows.indexOf(', (3'); cut <= rows.length; cut += 1) {
      assert.equal(normalize(rows.slice(0, cut), true), 'insert into t values (?, ?) …', `cut at ${cut}`);
    }
  });

  test('where a list is cut does not matter behind its first element', () => {
    const list = 'select a in (1, 22, 333';
    for (let cut = list.indexOf('1') + 1; cut <= list.length; cut += 1) {
      assert.equal(normalize(list.slice(0, cut), true), 'select a in (? …', `cut at ${cut}`);
    }
  });

  test('a truncated text is not taken for a whole one', () => {
    assert.notEqual(normalize('select 1;', true), normalize('select 1;'));
  });
});

/** Appears in literals only. */
const MARK = 'zq';

const digits = fc.stringMatching(/^[0-9]{1,6}$/);
const letters = fc.stringMatching(/^[a-z0-9 ]{0,6}$/).map((text) => `${MARK}${text}`);
const number = fc.oneof(
  digits,
  digits.map((text) => `.${text}`),
  digits.map((text) => `${text}.`),
  digits.map((text) => `1.${text}e-3`),
  digits.map((text) => `1_${text}E5`),
  fc.stringMatching(/^0x[0-9a-fA-F]{1,6}$/),
);
const literal = fc.oneof(
  number,
  letters.map((text) => `'${text}'`),
  letters.map((text) => `'${text}''${text}\\'`),
  letters.map((text) => `E'${text}\\'${text}\\\\'`),
  letters.map((text) => `u&'${text}'`),
  letters.map((text) => `N'"${text}'`),
  fc.stringMatching(/^[01]{0,6}$/).map((text) => `B'${text}'`),
  letters.map((text) => `$$${text}'$$`),
  letters.map((text) => `$tag$${text}$$"${text}$tag$`),
);
const rest = fc.constantFrom(
  ...'select|FROM|where|in|values|array|"Na me"|a.b|count|$1|$2|(|)|[|]|,|,|;|=|<>|-|+|*|@>|?|::|.'.split(
    '|',
  ),
);
const gap = fc.constantFrom(' ', '\n', ' \t ', ` /* ${MARK} ' /* */ */ `, ` -- ${MARK}'\n`);

/** Pieces of SQL, null where a literal stands, with the space behind each. */
const template = fc.array(fc.tuple(fc.oneof({ weight: 2, arbitrary: rest }, fc.constant(null)), gap), {
  maxLength: 40,
});

function fill(pieces: readonly (readonly [string | null, string])[], literals: readonly string[]): string {
  return pieces.map(([piece, space], index) => (piece ?? literals[index % literals.length]) + space).join('');
}

suite('Laws', () => {
  const literals = fc.array(literal, { minLength: 1, maxLength: 40 });

  test('any replacement of literals by others gives the same normal form', () => {
    fc.assert(
      fc.property(template, literals, literals, (pieces, some, others) => {
        assert.equal(normalize(fill(pieces, some)), normalize(fill(pieces, others)));
      }),
      { numRuns: 1009 },
    );
  });

  test('a number may become negative where an operand must come', () => {
    const before = fc.constantFrom('select ', 'a=', 'a = ', 'f(', 'f(a, ', 'a*', 'a in (7, ', 'limit ', 'a[');
    fc.assert(
      fc.property(
        before,
        number,
        number,
        fc.constantFrom('-', '+', '- ', '- -'),
        (text, some, other, sign) => {
          assert.equal(normalize(`${text}${some}`), normalize(`${text}${sign}${other}`));
        },
      ),
    );
  });

  test('no literal and no comment survives, wherever the text is cut', () => {
    fc.assert(
      fc.property(template, literals, fc.nat(), fc.boolean(), (pieces, some, cut, truncated) => {
        const sql = fill(pieces, some);
        const normal = normalize(sql.slice(0, cut % (sql.length + 1)), truncated);
        assert.ok(!normal.includes(MARK), normal);
        assert.doesNotMatch(normal.replaceAll(/\$\d+/g, ''), /\d/);
      }),
      { numRuns: 1009 },
    );
  });

  test('a normal form is its own normal form, of whatever text', () => {
    const fragments =
      'in(¦values(¦),(¦,¦array[¦]¦)¦(¦\'¦"¦E¦u&\'¦U&"¦$¦$1¦$22¦$$¦-¦+¦--¦/*¦*/¦\n¦ ¦?¦@¦<¦=¦:¦.¦;¦1¦.5¦1e¦a¦Select¦' +
      'savepoint ¦release ¦deallocate ¦all¦\\¦ä¦😀¦\ud800¦\0¦…';
    const fragment = fc.constantFrom(...fragments.split('¦'));
    const text = fc.oneof(
      fc.array(fragment, { maxLength: 30 }).map((some) => some.join('')),
      fc.string({ unit: 'binary' }),
      fc.tuple(template, literals).map(([pieces, some]) => fill(pieces, some)),
    );
    fc.assert(
      fc.property(text, fc.boolean(), (sql, truncated) => {
        const normal = normalize(sql, truncated);
        assert.equal(normalize(normal), normal);
      }),
      { numRuns: 4001 },
    );
  });

  test('space and comments do not matter', () => {
    fc.assert(
      fc.property(template, literals, gap, (pieces, some, space) => {
        const other = pieces.map(([piece]) => [piece, space] as const);
        assert.equal(normalize(fill(other, some)), normalize(fill(pieces, some)));
      }),
    );
  });

  test('brackets nested deeper than are followed', () => {
    const sql = `${'in ('.repeat(1009)}1, 2${')'.repeat(1013)}`;
    const normal = normalize(sql);
    assert.equal(normalize(normal), normal);
    assert.equal(normal.length, sql.length);
  });

  test('a text of many megabytes', () => {
    const sql = `insert into t values ${Array.from({ length: 100_003 }, (_, i) => `(${i}, 'text ${i}')`).join(', ')}`;
    assert.equal(normalize(sql), 'insert into t values (?, ?)');
    assert.equal(normalize('select 1'), 'select ?');
  });
});
