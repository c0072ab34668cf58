// Servers that take no temporary views: a hot standby, and a database whose users may make nothing temporary.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SHOWN, VIEWED } from '../../../src/console/tables.ts';
import { connectAs, enterConsole, rowsOf } from '../../support/console.ts';
import { libpqEnvironment, succeed } from '../../support/programs.ts';
import { proxyBefore, type RunningProxy } from '../../support/running_proxy.ts';
import { debianMissing, debianProgram, embeddedServer } from '../../support/servers.ts';

/** It waits for WAL that never comes, and is read meanwhile. */
const standby = await embeddedServer({ files: { 'standby.signal': '' } });
const primary = await embeddedServer();

const CALLS = "calls from netflow_statements where query like '%shown%'";

/** A statement with 23 calls; `database` is the one of the console. */
async function load(running: RunningProxy): Promise<void> {
  const client = await connectAs(running);
  for (let n = 1; n <= 23; n += 1) await client.query(`select ${n} as shown`);
  await client.end();
}

describe('a hot standby', () => {
  it('answers each view, and each command', async () => {
    const running = await proxyBefore(standby);
    await load(running);
    const monitor = await enterConsole(running);
    assert.deepEqual(await rowsOf(monitor, 'select pg_is_in_recovery() as is'), [{ is: true }]);
    for (const [name, { columns }] of VIEWED) {
      const { fields } = await monitor.query(`select * from ${name}`);
      assert.deepEqual(
        fields.map((field) => field.name),
        columns.map((column) => column.name),
      );
    }
    for (const name of SHOWN.keys()) await monitor.query(`show ${name}`);
    await monitor.end();
    await running.settled();
  });

  for (const [how, text] of [
    ['SELECT', `select ${CALLS}`],
    ['SELECT behind comments', `-- of select\n /* with; */ select ${CALLS};`],
    ['SELECT in parentheses', `(select ${CALLS}) union all (select ${CALLS} limit 0)`],
    ['WITH', `with own as (select ${CALLS}) select * from own`],
    ['WITH RECURSIVE', `with recursive own as (select ${CALLS}) select * from own`],
    [
      'WITH whose name begins with RECURSIVE',
      `with recursive_one as (select ${CALLS}) select * from recursive_one`,
    ],
    ['VALUES', `values ((select ${CALLS}))`],
    ['a subquery', `select (select ${CALLS}) as calls`],
  ] as const) {
    it(`answers ${how}, in both protocols`, async () => {
      const running = await proxyBefore(standby);
      await load(running);
      const monitor = await enterConsole(running);
      const simple = await rowsOf(monitor, text);
      assert.deepEqual(Object.values(simple[0]!), ['23']);
      // A name makes node-postgres use the extended protocol.
      const { rows: extended } = await monitor.query<Record<string, unknown>>({ name: 'n', text });
      assert.deepEqual(extended, simple);
    });
  }

  it('takes parameters, explains, and lets a cursor read, with one snapshot for a transaction', async () => {
    const running = await proxyBefore(standby);
    await load(running);
    const monitor = await enterConsole(running);
    const busy = await connectAs(running);
    assert.deepEqual(await rowsOf(monitor, `select ${CALLS} and calls > $1`, [7]), [{ calls: '23' }]);
    assert.match(
      JSON.stringify(await rowsOf(monitor, `explain (costs off) select ${CALLS}`)),
      /Function Scan on json_to_recordset/,
    );
    await monitor.query('begin');
    await monitor.query(`declare c cursor for select ${CALLS}`);
    assert.deepEqual(await rowsOf(monitor, 'fetch 7 from c'), [{ calls: '23' }]);
    await busy.query('select 0 as shown');
    assert.deepEqual(await rowsOf(monitor, `select ${CALLS}`), [{ calls: '23' }]);
    await monitor.query('commit');
    assert.deepEqual(await rowsOf(monitor, `select ${CALLS}`), [{ calls: '24' }]);
  });

  it('copies to psql, and keeps what the client prepares by SQL', { skip: debianMissing }, async () => {
    const running = await proxyBefore(standby);
    await load(running);
    const env = libpqEnvironment(running, { PGDATABASE: 'pgnetflow' });
    const copied = await succeed(
      debianProgram('psql'),
      ['-XAtc', `copy (select ${CALLS}) to stdout`, '-c', `prepare p as select ${CALLS}`, '-c', 'execute p'],
      { env },
    );
    assert.equal(copied, '23\nPREPARE\n23\n');
  });

  it('says what helps where no source can be put in front of the text', async () => {
    const running = await proxyBefore(standby);
    const monitor = await enterConsole(running);
    await assert.rejects(monitor.query('analyze netflow_totals'), {
      code: '0A000',
      message: /^netflow_totals can only be read by a query on this server/,
      hint: 'Use SELECT ... FROM netflow_totals, or SHOW TOTALS.',
    });
    // What a query may not do there either is the server's to say.
    await assert.rejects(monitor.query('create temp table t as select * from netflow_totals'), {
      code: '25006',
    });
    await monitor.query('select * from netflow_totals');
  });

  it('hides the texts of others as a primary does', async () => {
    const running = await proxyBefore(standby);
    await load(running);
    const monitor = await enterConsole(running);
    // It has no role but those that each server has.
    await monitor.query('set role pg_signal_backend');
    const [row] = await rowsOf(monitor, 'select query from netflow_statements');
    assert.equal(row?.['query'], '<insufficient privilege>');
    await monitor.query('reset role');
    assert.deepEqual(await rowsOf(monitor, `select ${CALLS}`), [{ calls: '23' }]);
  });
});

describe('a user who may make nothing temporary', () => {
  it('has the views by queries all the same, and whoever may has them whole', async () => {
    const admin = await connectAs(primary);
    await admin.query('revoke temporary on database postgres from public');
    await admin.query('create role plain login');
    const running = await proxyBefore(primary);
    await load(running);
    const plain = await enterConsole(running, { user: 'plain' });
    const [row] = await rowsOf(plain, 'select sum(statements) as all from netflow_totals');
    assert.equal(row?.['all'], '23');
    await assert.rejects(plain.query('table netflow_totals; analyze netflow_totals'), { code: /^42/ });
    const monitor = await enterConsole(running);
    await monitor.query('analyze netflow_totals');
    assert.deepEqual(await rowsOf(monitor, `select ${CALLS}`), [{ calls: '23' }]);
    await admin.query('grant temporary on database postgres to public');
  });
});
