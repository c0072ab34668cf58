import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseProcessTitle } from '../../../src/backend/diagnose/process_title.ts';

const LOCAL = { host: '[local]', port: 0 };
const ALICE = { host: '127.0.0.1', port: 33664 };

describe('the title of', () => {
  for (const [name, title, client, activity] of [
    ['an idle backend', 'postgres: alice shop 127.0.0.1(33664) idle', ALICE, 'idle'],
    ['one on a Unix-domain socket', 'postgres: alice shop [local] SELECT', LOCAL, 'SELECT'],
    ['one that waits', 'postgres: alice shop 127.0.0.1(33664) UPDATE waiting', ALICE, 'UPDATE waiting'],
    [
      'one in a transaction',
      'postgres: alice shop [local] idle in transaction',
      LOCAL,
      'idle in transaction',
    ],
    ['one over IPv6', 'postgres: alice shop ::1(5099) idle', { host: '::1', port: 5099 }, 'idle'],
    [
      'one with log_hostname',
      'postgres: alice shop web-1.example(5099) idle',
      { host: 'web-1.example', port: 5099 },
      'idle',
    ],
    ['one of a cluster with a name', 'postgres: main: alice shop [local] idle', LOCAL, 'idle'],
    ['a user and a database with blanks', 'postgres: o hara my shop [local] idle', LOCAL, 'idle'],
    ['a database with a line break', 'postgres: alice my\nshop [local] idle', LOCAL, 'idle'],
    ['a database that looks like a client', 'postgres: alice x(1) 127.0.0.1(33664) idle', ALICE, 'idle'],
    ['one that does not say what it does', 'postgres: alice shop 127.0.0.1(33664)', ALICE, ''],
    ['the checkpointer', 'postgres: checkpointer', null, ''],
    ['a parallel worker', 'postgres: parallel worker for PID 4242', null, ''],
  ] as const) {
    it(`${name} tells client and activity`, () => {
      const found = parseProcessTitle(`${title}\0\0\0`);
      assert.deepEqual(found, { text: title, client, activity });
    });
  }

  for (const cmdline of [
    '',
    '/usr/lib/postgresql/15/bin/postgres\0-D\0/data\0',
    'bash\0',
    '/usr/bin/postgres: x',
  ]) {
    it(`${JSON.stringify(cmdline)} is none`, () => assert.equal(parseProcessTitle(cmdline), null));
  }

  it('anything is understood in time', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseProcessTitle(`postgres: ${text}`)));
    assert.equal(parseProcessTitle(`postgres: ${'x(1 '.repeat(30_000)}`)?.client, null);
  });
});
