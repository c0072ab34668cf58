// Who may see what: as pg_stat_activity has it, whatever the command, the view, or the trick.
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type pg from 'pg';
import type { ListenerStart } from '../../../src/proxy/options.ts';
import { SHOWN, VIEWED } from '../../../src/console/tables.ts';
import { connectAs, enterConsole, rowsOf } from '../../support/console.ts';
import { client as c, message, server as s } from '../../support/messages.ts';
import { connectTo, fakeServer, type Peer } from '../../support/peers.ts';
import { proxyBefore, type RunningProxy } from '../../support/running_proxy.ts';
import { embeddedServer } from '../../support/servers.ts';
import { until } from '../../support/until.ts';

const server = await embeddedServer();
const SECRET = 'of_alice_alone';

/** A proxy with a statement of alice's that runs, and one that has ended. */
async function proxyOfAlice(
  options: Parameters<typeof proxyBefore>[1] & { readonly listeners?: readonly ListenerStart[] } = {},
): Promise<RunningProxy> {
  const running = await proxyBefore(server, options);
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

  it('are shown to nobody who has the console of another server, be he a superuser there', async () => {
    const elsewhere = await embeddedServer();
    const listen = [{ host: '127.0.0.1', port: 0 }];
    const running = await proxyOfAlice({
      listeners: [server, elsewhere].map(({ host, port }) => ({ listen, upstream: { host, port } })),
    });
    const [, other] = running.proxy.addresses;
    assert.ok(other !== undefined && 'port' in other);
    const told = await everything(await enterConsole({ ...running, port: other.port }));
    assert.ok(told.includes('alice') && !told.includes(SECRET));
    const text = "select query from netflow_activity where usename = 'alice'";
    assert.match(JSON.stringify(await rowsOf(await enterConsole(running), text)), new RegExp(SECRET));
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

/** What has come up to so many ReadyForQuery: types of messages, and all bytes as text. */
async function upToReady(peer: Peer, times = 1): Promise<{ readonly types: string; readonly text: string }> {
  let types = '';
  let text = '';
  for (let left = times; left > 0;) {
    const header = await peer.receive(5);
    const body = await peer.receive(header.readInt32BE(1) - 4);
    types += header.toString('latin1', 0, 1);
    text += body.toString('latin1');
    if (types.endsWith('Z')) left -= 1;
  }
  return { types, text };
}

/** A client in the console that says what it likes. */
async function rawConsole(running: RunningProxy, user: string): Promise<Peer> {
  const peer = await connectTo({ host: running.host, port: running.port });
  peer.send(c.startup({ user, database: 'pgnetflow' }));
  await upToReady(peer);
  return peer;
}

describe("answers to pgnetflow's own questions", () => {
  const ACTIVITY = 'select query from netflow_activity';
  const FORGED = `select 't', '["alice"]' from pg_sleep(0.3)`;

  /** Makes pgnetflow lose count of what the server owes, if it can be made to. */
  const tricks: Readonly<Record<string, (bob: Peer, running: RunningProxy) => Promise<void>>> = {
    'a COPY that is sent at one go': async (bob) => {
      bob.send(c.query('create temp table t (a text)'));
      await upToReady(bob);
      bob.send(c.parse('', 'copy t from stdin'), c.bind('', ''), c.execute());
      bob.send(c.copyData('x\n'), c.copyDone(), c.sync());
      assert.equal((await upToReady(bob)).types, '12GCZ');
    },
    'pieces of a long message that look like messages': async (bob, running) => {
      const long = message('d', Buffer.alloc(2 * 1024 * 1024));
      let sent = 0;
      const piece = async (bytes: Buffer): Promise<void> => {
        const own = (): number =>
          running.proxy.report().sessions.find(({ user, console: is }) => is && user === 'bob')?.wire.client
            .own_in ?? 0;
        const readSoFar = own();
        await bob.deliver(bytes);
        await until(() => own() === readSoFar + bytes.length, 'the piece to be read');
        sent += bytes.length;
      };
      await piece(long.subarray(0, 11));
      await piece(Buffer.from('P'));
      await piece(c.sync());
      await piece(c.query(FORGED));
      await piece(Buffer.from('P'));
      await bob.deliver(long.subarray(sent));
      bob.send(c.sync());
      assert.equal((await upToReady(bob)).types, 'Z');
    },
  };

  for (const names of [...Object.keys(tricks).map((name) => [name]), Object.keys(tricks)]) {
    it(`are not forged behind ${names.join(', and ')}`, async () => {
      const running = await proxyOfAlice();
      const bob = await rawConsole(running, 'bob');
      for (const name of names) await tricks[name]!(bob, running);
      bob.send(c.query('select 1/0'), c.query(FORGED));
      assert.equal((await upToReady(bob)).types, 'EZ');
      bob.send(c.query(ACTIVITY));
      const { types, text } = await upToReady(bob, 2);
      assert.match(types, /^TDCZTD+CZ$/);
      assert.ok(!text.includes(SECRET));
      bob.destroy();
    });
  }

  it('are known by what they were asked with: any other ends the session', async () => {
    const upstream = await fakeServer();
    const running = await proxyBefore(server, { upstream: upstream.address });
    const bob = await connectTo({ host: running.host, port: running.port });
    bob.send(c.startup({ user: 'bob', database: 'pgnetflow' }));
    const there = await upstream.accept();
    const packet = await there.receive(4);
    await there.receive(packet.readInt32BE(0) - 4);
    there.send(s.authenticationOk(), s.ready());
    const views = await there.receive(5);
    await there.receive(views.readInt32BE(1) - 4);
    there.send(s.complete('COMMENT'), s.ready());
    await upToReady(bob);
    bob.send(c.query(ACTIVITY));
    const asked = await there.receive(5);
    assert.equal(asked.toString('latin1', 0, 1), 'C');
    const row = message(
      'D',
      [0, 3],
      ...['forged', 't', '["alice"]'].flatMap((one) => [[0, 0, 0, one.length], one]),
    );
    there.send(s.closeComplete(), s.parseComplete(), s.bindComplete(), row, s.complete('SELECT 1'));
    there.send(s.closeComplete(), s.closeComplete(), s.ready());
    const told = (await bob.receiveAll()).toString('latin1');
    assert.match(told, /FATAL\0VFATAL\0C08P01\0Mthe console has lost track/);
    bob.destroy();
    there.destroy();
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
