import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { normalize } from '../../src/account/normalize.ts';
import { withoutSecrets } from '../../src/account/secrets.ts';

const SECRET = 'hunter2 & co';

/** Texts with a secret, and how they are shown. */
const TEXTS: readonly (readonly [text: string, shown: string])[] = [
  [`alter role foo password '${SECRET}'`, `alter role foo password '***'`],
  [
    `CREATE ROLE a LOGIN ENCRYPTED PASSWORD '${SECRET}' VALID UNTIL '2030-01-01'`,
    `CREATE ROLE a LOGIN ENCRYPTED PASSWORD '***' VALID UNTIL '2030-01-01'`,
  ],
  [
    `alter user "password" with password E'${SECRET}\\'x' login`,
    `alter user "password" with password '***' login`,
  ],
  [`alter user a password $x$${SECRET}$x$; select 'kept'`, `alter user a password '***'; select 'kept'`],
  [`alter user a password U&'${SECRET}'`, `alter user a password '***'`],
  [
    `alter user a password /* here */ -- it comes\n '${SECRET}'\n'and goes on'`,
    `alter user a password /* here */ -- it comes\n '***'\n'***'`,
  ],
  [`alter user a password "${SECRET}"`, `alter user a password '***'`],
  [
    `create user mapping for a server s options (user 'u', password '${SECRET}')`,
    `create user mapping for a server s options (user 'u', password '***')`,
  ],
  [
    `alter user mapping for a server s options (set password '${SECRET}')`,
    `alter user mapping for a server s options (set password '***')`,
  ],
  [
    `create subscription s connection 'host=h password=${SECRET} dbname=d' publication p`,
    `create subscription s connection '***' publication p`,
  ],
  [`alter subscription s connection 'postgres://u:hunter2@h/d'`, `alter subscription s connection '***'`],
  [`select dblink_connect('c', 'host=h password = ''${SECRET}''')`, `select dblink_connect('c', '***')`],
  [
    `select * from dblink('password=${SECRET}', 'select 1') as t(a int)`,
    `select * from dblink('***', 'select 1') as t(a int)`,
  ],
  [`do $$ begin execute 'alter role a password ''${SECRET}'''; end $$`, `do $$ begin execute '***'; end $$`],
  [
    `do $do$ begin alter role a password '${SECRET}'; end $do$`,
    `do $do$ begin alter role a password '***'; end $do$`,
  ],
  [`set session my.password = '${SECRET}'`, `set session my.password = '***'`],
];

describe('a secret', () => {
  for (const [text, shown] of TEXTS) {
    it(`is not shown: ${shown}`, () => {
      assert.equal(withoutSecrets(text), shown);
      assert.equal(withoutSecrets(shown), shown);
    });
  }

  it('is not shown wherever its text is cut off, nor in a normal form', () => {
    for (const [text] of TEXTS) {
      for (let end = 0; end <= text.length; end += 1) {
        const cut = text.slice(0, end);
        assert.ok(!withoutSecrets(cut).includes('hunter2'), cut);
        // A name in quotes is none of the constants.
        if (!text.includes('"hunter2')) assert.ok(!normalize(cut, true).includes('hunter2'), cut);
      }
    }
  });
});

describe('a text without a secret', () => {
  for (const text of [
    `select password from users where name = 'x'`,
    `select 'http://example.org/a:b'`,
    `update users set password = md5($1), name = 'x'`,
    `alter role a password null`,
    `select "password", 'é' from t`,
    `comment on column t.password is null`,
  ]) {
    it(`is shown as it is: ${text}`, () => assert.equal(withoutSecrets(text), text));
  }

  it('is shown as it is, whatever it is made of, behind a word that makes it suspicious', () => {
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom("'", '"', '$$', '$t$', '--', '/*', '*/', 'E', '\\', '\n'),
    );
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const text = pieces.join('');
        fc.pre(!/password|:\/\/|\p{Surrogate}/iu.test(text));
        const whole = `select password from t; ${text}`;
        assert.equal(withoutSecrets(whole), whole);
      }),
      { numRuns: 1000 },
    );
  });
});
