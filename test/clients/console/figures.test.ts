// What is asked of the console with SQL: the figures are those of the report, of the moment, and the server's own answers.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import pg from 'pg';
import { SHOWN, VIEWED } from '../../../src/console/tables.ts';
import type { FingerprintRecord } from '../../../src/report/model.ts';
import { connectAs, enterConsole, rowsOf } from '../../support/console.ts';
import { client as c, server as s } from '../../support/messages.ts';
import { connectTo, type Peer } from '../../support/peers.ts';
import { proxyBefore, type RunningProxy } from '../../support/running_proxy.ts';
import { embeddedServer } from '../../support/servers.ts';
import { until } from '../../support/until.ts';

const server = await embeddedServer();

/** Traffic of which all is known: 23 queries of one shape, and 7 of another. */
async function load(running: RunningProxy): Promise<void> {
  const client = await connectAs(running);
  for (let n = 1; n <= 23; n += 1) await client.query(`select repeat('x', ${n}) as egress`);
  for (let n = 1; n <= 7; n += 1) await client.query('select $1::int as lookup', [n]);
  await client.end();
}

function recordOf(running: RunningProxy, pattern: RegExp): FingerprintRecord {
  const found = running.proxy.report().statements.filter(({ query }) => pattern.test(query ?? ''));
  assert.equal(found.length, 1);
  return found[0]!;
}

const EGRESS = `select calls, rows, roundtrips, bytes_received, bytes_sent, messages_sent, total_time, stats_since
  from netflow_statements where query like '%egress%'`;

describe('the views of the console', () => {
  it('have the figures of the report, with their types', async () => {
    const running = await proxyBefore(server);
    await load(running);
    const monitor = await enterConsole(running);
    const [row] = await rowsOf(monitor, EGRESS);
    const record = recordOf(running, /egress/);
    assert.deepEqual(
      [row?.['calls'], row?.['rows'], row?.['roundtrips'], row?.['bytes_received'], row?.['bytes_sent']],
      ['23', '23', '23', String(record.R.bytes), String(record.S.bytes)],
    );
    assert.equal(row?.['total_time'], record.total_us / 1000);
    assert.ok(row['stats_since'] instanceof Date);
    const [total] = await rowsOf(
      monitor,
      'select sum(bytes_sent) as sent, sum(roundtrips) as trips from netflow_totals',
    );
    const { totals, databases } = running.proxy.report();
    assert.equal(total?.['sent'], String(totals.S.bytes));
    assert.equal(total['trips'], String(databases.reduce((sum, { roundtrips }) => sum + roundtrips, 0)));
    await monitor.end();
    await running.settled();
  });

  for (const [name] of VIEWED) {
    it(`are all to be read: ${name}`, async () => {
      const running = await proxyBefore(server);
      await load(running);
      const monitor = await enterConsole(running);
      const { rows, fields } = await monitor.query(`select * from ${name}`);
      assert.deepEqual(
        fields.map((field) => field.name),
        VIEWED.get(name)!.columns.map((column) => column.name),
      );
      const isQuiet = name === 'netflow_copies' || name === 'netflow_cancels' || name === 'netflow_settings';
      assert.equal(rows.length > 0, !isQuiet);
    });
  }

  it('join with what the server knows of the same session', async () => {
    const running = await proxyBefore(server);
    const busy = await connectAs(running);
    await busy.query("set application_name to 'billing'");
    const sleeping = busy.query('select pg_sleep(61)').catch(() => undefined);
    const monitor = await enterConsole(running);
    const joined = `select n.application_name, n.state, n.wait_event, n.query, p.state as state_there, p.query as query_there
      from netflow_activity n join pg_stat_activity p using (pid) where n.query like '%pg_sleep%' and not is_console`;
    await until(
      async () => (await rowsOf(monitor, joined))[0]?.['state_there'] === 'active',
      'the statement',
    );
    const [row] = await rowsOf(monitor, joined);
    assert.deepEqual(row, {
      application_name: 'billing',
      state: 'active',
      wait_event: 'ServerRead',
      query: 'select pg_sleep(61)',
      state_there: 'active',
      query_there: 'select pg_sleep(61)',
    });
    const [session] = await rowsOf(
      monitor,
      "select session from netflow_activity where application_name = 'billing'",
    );
    const [{ pg_cancel_backend: isCancelled } = {}] = await rowsOf(
      monitor,
      `cancel session ${String(session?.['session'])}`,
    );
    assert.equal(isCancelled, true);
    await sleeping;
    const [{ pg_terminate_backend: isEnded } = {}] = await rowsOf(
      monitor,
      `KILL SESSION ${String(session?.['session'])};`,
    );
    assert.equal(isEnded, true);
    await monitor.end();
    await running.settled();
  });

  it('show a COPY while it is under way, and who holds it up', async () => {
    const running = await proxyBefore(server);
    const slow = await connectTo({ host: running.host, port: running.port });
    slow.send(c.startup({ user: 'postgres', database: 'postgres' }));
    await until(() => slow.receivedBytes > 300, 'the log-in');
    slow.pause();
    slow.send(c.query("copy (select repeat('x', 997) from generate_series(1, 200000)) to stdout"));
    const monitor = await enterConsole(running);
    const stalled = `select command, bytes_processed > 100000 as moves, client_stall_time > 0 as client_is_slow
      from netflow_copies`;
    await until(async () => (await rowsOf(monitor, stalled))[0]?.['client_is_slow'] === true, 'the stall');
    assert.deepEqual(await rowsOf(monitor, stalled), [
      { command: 'COPY TO', moves: true, client_is_slow: true },
    ]);
    const [activity] = await rowsOf(
      monitor,
      "select wait_event from netflow_activity where query like 'copy%'",
    );
    assert.equal(activity?.['wait_event'], 'ClientWrite');
    slow.destroy();
    await monitor.end();
  });
});

describe('figures of many statements', () => {
  it('are told whole, in both protocols, whatever they weigh', async () => {
    const running = await proxyBefore(server, { maxFingerprints: 5000 });
    const busy = await connectAs(running);
    for (let n = 1; n <= 2003; n += 1)
      await busy.query(
        `select 1 as shape_${n}, 'x' as ${'some_text_'.repeat(5)} from pg_class where oid = 1`,
      );
    const monitor = await enterConsole(running);
    for (let round = 1; round <= 3; round += 1) {
      const { rows } = await monitor.query('select * from netflow_statements');
      assert.equal(rows.length, running.proxy.report().statements.length);
      const sum = 'select sum(calls)::int8 as calls from netflow_statements where calls >= $1';
      assert.deepEqual(await rowsOf(monitor, sum, [1]), [{ calls: '2003' }]);
    }
    assert.equal((await rowsOf(monitor, 'show statements')).length, running.proxy.report().statements.length);
    const [{ bytes } = {}] = await rowsOf(
      monitor,
      "select length(current_setting('pgnetflow.statements')) as bytes",
    );
    assert.ok(Number(bytes) > 1024 * 1024, 'more than one message may have');
  });
});

describe('a snapshot', () => {
  it('is of the moment outside of a transaction, and stays the same within one', async () => {
    const running = await proxyBefore(server);
    await load(running);
    const monitor = await enterConsole(running);
    const busy = await connectAs(running);
    const calls = async (): Promise<unknown> => (await rowsOf(monitor, EGRESS))[0]?.['calls'];
    assert.equal(await calls(), '23');
    await busy.query("select repeat('x', 5) as egress");
    assert.equal(await calls(), '24');
    await monitor.query('begin transaction isolation level serializable read only');
    assert.equal(await calls(), '24');
    await busy.query("select repeat('x', 5) as egress");
    assert.equal(await calls(), '24');
    await monitor.query('savepoint a');
    assert.equal(await calls(), '24');
    await monitor.query('rollback to a');
    assert.equal(await calls(), '24');
    await monitor.query('commit');
    assert.equal(await calls(), '25');
  });

  it('is whole, whichever view of it is read first', async () => {
    const running = await proxyBefore(server);
    await load(running);
    const monitor = await enterConsole(running);
    await monitor.query('begin');
    await monitor.query('select * from netflow_totals');
    assert.equal((await rowsOf(monitor, EGRESS))[0]?.['calls'], '23');
    await monitor.query('commit');
  });

  it('is of the moment for each execution of a prepared statement, named or not, in text and binary format', async () => {
    const running = await proxyBefore(server);
    await load(running);
    const monitor = await enterConsole(running);
    const busy = await connectAs(running);
    for (let n = 24; n < 30; n += 1) {
      await busy.query("select repeat('x', 5) as egress");
      const text = "select calls from netflow_statements where query like '%egress%' and calls > $1";
      const { rows } = await monitor.query<{ calls: string }>({ name: 'egress', text, values: [7] });
      assert.equal(rows[0]?.calls, String(n));
      const config = { text, values: [7], binary: true };
      const { rows: binary } = await monitor.query<{ calls: string }>(config);
      assert.equal(String(binary[0]?.calls), String(n));
    }
    await monitor.query("prepare p as select calls from netflow_statements where query like '%egress%'");
    await busy.query("select repeat('x', 5) as egress");
    assert.deepEqual(await rowsOf(monitor, 'execute p'), [{ calls: '30' }]);
  });

  it('can be read by a cursor, copied, explained, and joined with itself', async () => {
    const running = await proxyBefore(server);
    await load(running);
    const monitor = await enterConsole(running);
    await monitor.query('begin');
    await monitor.query('declare c cursor for select calls from netflow_statements order by calls desc');
    assert.deepEqual(await rowsOf(monitor, 'fetch 1 from c'), [{ calls: '23' }]);
    await monitor.query('commit');
    const plan = await rowsOf(monitor, 'explain (costs off) select * from netflow_totals');
    assert.match(JSON.stringify(plan), /Function Scan/);
    const [row] = await rowsOf(
      monitor,
      'select count(*) from netflow_statements a join netflow_statements b using (fingerprint)',
    );
    assert.equal(row?.['count'], String(running.proxy.report().statements.length));
    await monitor.query('create temp table kept as select * from netflow_statements');
    assert.equal(
      (await rowsOf(monitor, 'select 1 from kept')).length,
      running.proxy.report().statements.length,
    );
  });
});

describe('a failed transaction', () => {
  it('is answered with the error of the server, and nothing of ours', async () => {
    const running = await proxyBefore(server);
    const monitor = await enterConsole(running);
    await monitor.query('begin');
    await assert.rejects(monitor.query('select 1/0'), { code: '22012' });
    await assert.rejects(monitor.query('select * from netflow_totals'), { code: '25P02' });
    await assert.rejects(monitor.query('show stats'), { code: '25P02' });
    await monitor.query('rollback');
    await monitor.query('select * from netflow_totals');
  });
});

/** Types of the messages that have come, up to so many ReadyForQuery. */
async function typesUntilReady(peer: Peer, times = 1): Promise<string> {
  let types = '';
  for (let left = times; left > 0;) {
    const header = await peer.receive(5);
    await peer.receive(header.readInt32BE(1) - 4);
    const type = String.fromCharCode(header[0]!);
    types += type;
    if (type === 'Z') left -= 1;
  }
  return types;
}

describe('the hidden statements', () => {
  async function rawConsole(): Promise<Peer> {
    const running = await proxyBefore(server);
    const peer = await connectTo({ host: running.host, port: running.port });
    peer.send(c.startup({ user: 'postgres', database: 'pgnetflow' }));
    assert.match(await typesUntilReady(peer), /^RS+KZ$/);
    return peer;
  }
  const read = 'select 1 from netflow_totals limit 0';

  it('never show: each message is answered as a server answers it', async () => {
    const peer = await rawConsole();
    peer.send(c.query(read), c.query('select 1'), c.query('show version'), c.query(`${read}; ${read}`));
    assert.equal(await typesUntilReady(peer, 4), 'TCZTDCZTDCZTCTCZ');
    // A pipeline without a Sync between: the hidden ones stand amid its transaction.
    peer.send(c.parse('', 'select 1'), c.bind('', ''), c.execute());
    peer.send(c.parse('n', read), c.bind('p', 'n'), c.describe('P', 'p'), c.execute('p'), c.sync());
    assert.equal(await typesUntilReady(peer), '12DC12TCZ');
    // A statement that was prepared without a name is still there.
    peer.send(c.parse('', 'select 7'), c.sync(), c.bind('p', 'n'), c.execute('p'), c.sync());
    assert.equal(await typesUntilReady(peer, 2), '1Z2CZ');
    peer.send(c.bind('', ''), c.execute(), c.sync());
    assert.equal(await typesUntilReady(peer), '2DCZ');
    peer.destroy();
  });

  it('are skipped with all the rest behind an error of a pipeline', async () => {
    const peer = await rawConsole();
    peer.send(c.parse('n', read), c.sync());
    assert.equal(await typesUntilReady(peer), '1Z');
    peer.send(c.parse('', 'selekt'), c.bind('', 'n'), c.execute(), c.bind('', 'n'), c.execute(), c.sync());
    assert.equal(await typesUntilReady(peer), 'EZ');
    peer.send(c.bind('', 'n'), c.execute(), c.sync(), c.query('show lists'));
    assert.match(await typesUntilReady(peer, 2), /^2CZTD+CZ$/);
    peer.destroy();
  });

  it('are waited for by the end of what the client sends', async () => {
    const peer = await rawConsole();
    peer.send(c.query(read), c.query(read), c.query('select 1'), c.terminate());
    peer.end();
    assert.equal(await typesUntilReady(peer, 3), 'TCZTCZTDCZ');
  });

  it('leave those in order that stand behind a flood of messages, in a COPY and out of it', async () => {
    const peer = await rawConsole();
    peer.send(c.query('create temp table t (a text)'));
    assert.equal(await typesUntilReady(peer), 'CZ');
    const syncs = Buffer.concat(Array.from({ length: 100_003 }, () => c.sync()));
    peer.send(c.parse('', 'copy t from stdin'), c.bind('', ''), c.execute(), syncs, c.copyDone(), c.sync());
    assert.equal(await typesUntilReady(peer), '12GCZ');
    peer.send(c.query(read), syncs, c.query(read));
    assert.equal(await typesUntilReady(peer), 'TCZ');
    const readies = Buffer.concat(Array.from({ length: 100_003 }, () => s.ready()));
    assert.ok((await peer.receive(readies.length)).equals(readies));
    assert.equal(await typesUntilReady(peer), 'TCZ');
    peer.destroy();
  });

  it('leave a COPY FROM STDIN alone, and its Sync', async () => {
    const peer = await rawConsole();
    peer.send(c.query('create temp table t (a text)'));
    assert.equal(await typesUntilReady(peer), 'CZ');
    peer.send(c.parse('', 'copy t from stdin'), c.bind('', ''), c.execute(), c.sync());
    assert.equal((await peer.receive(5 + 5)).toString('latin1', 0, 1), '1');
    await until(() => peer.receivedBytes > 0, 'the invitation');
    peer.send(c.copyData('x\n'), c.copyDone(), c.sync(), c.query(read));
    assert.match(await typesUntilReady(peer, 2), /CZTCZ$/);
    peer.destroy();
  });
});

describe('the books', () => {
  it('have nothing of a console session but that it was there, and balance', async () => {
    const running = await proxyBefore(server);
    await load(running);
    const before = running.proxy.report();
    const monitor = await enterConsole(running);
    for (const name of SHOWN.keys()) await monitor.query(`show ${name}`);
    await monitor.query('select generate_series(1, 10000)');
    const open = running.proxy.report().sessions.find((session) => session.console);
    assert.deepEqual([open?.R.bytes, open?.S.bytes, open?.balanced], [0, 0, true]);
    await monitor.end();
    const after = await running.settled();
    assert.deepEqual(after.totals, before.totals);
    assert.deepEqual(after.statements, before.statements);
    assert.deepEqual(after.databases, before.databases);
    const session = after.sessions.find((one) => one.console);
    assert.deepEqual(
      [session?.end_reason, session?.user, session?.database],
      ['terminate', 'postgres', 'pgnetflow'],
    );
  });

  it('of a console whose server ends, or whose client goes, balance as well', async () => {
    const running = await proxyBefore(server);
    const monitor = await enterConsole(running);
    const [{ pid } = {}] = await rowsOf(monitor, 'select pg_backend_pid() as pid');
    const admin = await connectAs(server);
    await admin.query('select pg_terminate_backend($1)', [pid]);
    await assert.rejects(monitor.query('show stats'));
    const peer = await connectTo({ host: running.host, port: running.port });
    peer.send(
      c.startup({ user: 'postgres', database: 'pgnetflow' }),
      c.query('select pg_sleep(0.1)'),
      c.query('show stats'),
    );
    await until(() => peer.receivedBytes > 100, 'an answer');
    peer.destroy();
    await running.settled();
  });
});

describe('a database that is named behind pgnetflow/', () => {
  it('is where the server logs the session in', async () => {
    const running = await proxyBefore(server);
    const monitor = await enterConsole(running, { database: 'pgnetflow/template1' });
    assert.deepEqual(await rowsOf(monitor, 'select current_database() as name'), [{ name: 'template1' }]);
    const elsewhere = await enterConsole(running);
    assert.deepEqual(await rowsOf(elsewhere, 'select current_database() as name'), [{ name: 'postgres' }]);
    await assert.rejects(enterConsole(running, { database: 'pgnetflow/nowhere' }), { code: '3D000' });
  });

  it('is one like any other without a console', async () => {
    const running = await proxyBefore(server, { console: null });
    await assert.rejects(enterConsole(running), {
      code: '3D000',
      message: 'database "pgnetflow" does not exist',
    });
  });
});

describe('what is no command', () => {
  it('is SQL: settings of the server, and texts that only look like ours', async () => {
    const running = await proxyBefore(server);
    const monitor = await enterConsole(running);
    assert.deepEqual(await rowsOf(monitor, 'show port'), [{ port: String(server.port) }]);
    await assert.rejects(monitor.query('show nothing_of_that_name'), { code: '42704' });
    assert.deepEqual(await rowsOf(monitor, "select 'show stats' as text"), [{ text: 'show stats' }]);
  });

  it('is refused with what to do when it is a slip, or a command of a pool', async () => {
    const running = await proxyBefore(server);
    const monitor = await enterConsole(running);
    const errorOf = async (text: string): Promise<unknown[]> => {
      const error: unknown = await monitor.query(text).then(
        () => null,
        (reason: unknown) => reason,
      );
      assert.ok(error instanceof pg.DatabaseError, text);
      return [error.code, error.message, error.hint];
    };
    assert.match(
      (await errorOf('show statments')).join(),
      /^42601,there is no SHOW STATMENTS,Did you mean SHOW STATEMENTS/,
    );
    assert.match((await errorOf('PAUSE')).join(), /^0A000,PAUSE has no meaning here/);
    assert.match((await errorOf('kill session x')).join(), /^42601,KILL SESSION takes the number/);
    assert.match((await errorOf('cancel session 4711')).join(), /^22023,there is no open session 4711/);
    assert.equal((await rowsOf(monitor, 'select 1 as one')).length, 1);
  });
});
