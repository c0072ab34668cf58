// Who may see what: as pg_stat_activity has it, whatever the command, the view, or the trick.
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type pg from 'pg';
import { SHOWN, VIEWED } from '../../../src/console/tables.ts';
import { connectAs, enterConsole, rowsOf } from '../../support/console.ts';
import { proxyBefore, type RunningProxy } from '../../support/running_proxy.ts';
import { embeddedServer } from '../../support/servers.ts';

const server = await embeddedServer();
const SECRET = 'of_alice_alone';

/** A proxy with a statement of alice's that runs, and one that has ended. */
async function proxyOfAlice(): Promise<RunningProxy> {
  const running = await proxyBefore(server);
  const alice = await connectAs(running, { user: 'alice' });
  await alice.query(`select 1 as ${SECRET}`);
  void alice.query(`select pg_sleep(61) as ${SECRET}`).catch(() => undefined);
  return running;
}

/** All that a client of the console is told by every command and view. */
async function everything(client: pg.Client): Promise<string> {
  const told: unknown[] = [];
  for (const name of SHOWN.keys()) told.push(await rowsOf(client, `show ${name}`));
  for (const name of VIEWED.keys()) told.push(await rowsOf(client, `select * from ${name}`));
  told.push(
    await rowsOf(client, `select current_setting(name) from pg_settings where name like 'pgnetflow.%'`),
  );
  return JSON.stringify(told);
}

before(async () => {
  const admin = await connectAs(server);
  await admin.query(`create role alice login; create role bob login; create role boss login in role alice;
    create role watch login in role pg_monitor; create role quiet login noinherit in role pg_monitor;
    create schema evil authorization bob`);
  await admin.end();
});

describe('texts of others', () => {
  for (const [who, isTold] of [
    ['postgres', true],
    ['watch', true],
    ['alice', true],
    // He has the privileges of alice.
    ['boss', true],
    ['bob', false],
    // It must set its role first.
    ['quiet', false],
  ] as const) {
    it(`are ${isTold ? '' : 'not '}shown to ${who}`, async () => {
      const running = await proxyOfAlice();
      const client = await enterConsole(running, { user: who });
      const query = `select query from netflow_activity where usename = 'alice' and not is_console and state is distinct from 'idle'
        and query is not null`;
      const expected = isTold ? `select pg_sleep(61) as ${SECRET}` : '<insufficient privilege>';
      assert.deepEqual(await rowsOf(client, query), [{ query: expected }]);
      if (!isTold) assert.ok(!(await everything(client)).includes(SECRET));
    });
  }

  it('are shown, and hidden again, as the role changes', async () => {
    const running = await proxyOfAlice();
    const sees = async (client: pg.Client): Promise<boolean> => (await everything(client)).includes(SECRET);
    const quiet = await enterConsole(running, { user: 'quiet' });
    assert.equal(await sees(quiet), false);
    await quiet.query('set role pg_monitor');
    assert.equal(await sees(quiet), true);
    await quiet.query('reset role');
    assert.equal(
      (await rowsOf(quiet, 'select query from netflow_statements limit 1'))[0]?.['query'],
      '<insufficient privilege>',
    );
    const admin = await enterConsole(running);
    assert.equal(await sees(admin), true);
    await admin.query('set session authorization bob');
    assert.equal(
      (await rowsOf(admin, 'select query from netflow_statements limit 1'))[0]?.['query'],
      '<insufficient privilege>',
    );
  });

  it('are not had by shadowing what the hidden statements are made of', async () => {
    const running = await proxyOfAlice();
    const bob = await enterConsole(running, { user: 'bob', database: 'pgnetflow/postgres' });
    await bob.query(`create function evil.pg_has_role(name, text, text) returns boolean language sql as 'select true';
      create function evil.pg_has_role(name, oid, text) returns boolean language sql as 'select true';
      create function evil.pg_has_role(text, text, text) returns boolean language sql as 'select true';
      create view evil.pg_roles as select rolname, oid from pg_catalog.pg_roles;
      create type evil.json as (a int); create domain evil.text as pg_catalog.text;
      create function evil.current_setting(text, boolean) returns text language sql as $$select '[]'$$;
      create temp table pg_roles as select 'alice'::name as rolname, 10::oid as oid;
      set search_path = evil, pg_temp, pg_catalog`);
    assert.ok(!(await everything(bob)).includes(SECRET));
    await bob.query(`set pgnetflow.statements = '[{"query": "mine"}]'`);
    assert.ok(!(await everything(bob)).includes(SECRET));
  });
});

describe('signals', () => {
  it('are refused by the server to whoever may not send them', async () => {
    const running = await proxyOfAlice();
    const bob = await enterConsole(running, { user: 'bob' });
    const [row] = await rowsOf(bob, "select session from netflow_activity where usename = 'alice'");
    for (const verb of ['cancel', 'kill'])
      await assert.rejects(bob.query(`${verb} session ${String(row?.['session'])}`), { code: '42501' });
    const boss = await enterConsole(running, { user: 'boss' });
    await boss.query(`kill session ${String(row?.['session'])}`);
  });
});

describe('settings', () => {
  it('are shown to whoever may see all', async () => {
    const running = await proxyBefore(server, {
      console: {
        database: 'postgres',
        alias: null,
        settings: [{ name: 'listen', value: 'here', default: 'there' }],
      },
    });
    const admin = await enterConsole(running);
    assert.deepEqual(await rowsOf(admin, 'show config'), [
      { key: 'listen', value: 'here', default: 'there', changeable: 'no' },
    ]);
    const bob = await enterConsole(running, { user: 'bob' });
    assert.deepEqual(await rowsOf(bob, 'show config'), []);
    assert.deepEqual(await rowsOf(bob, 'select * from netflow_settings'), []);
  });
});
