import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { SessionRecord } from '../../src/report/model.ts';
import { comparison, execution } from '../support/comparison.ts';
import { CountingClient, typesOf } from '../support/counting_client.ts';
import { client as c, message } from '../support/messages.ts';
import { proxyBefore } from '../support/running_proxy.ts';
import { embeddedServer } from '../support/servers.ts';
import { until } from '../support/until.ts';

const server = await embeddedServer();
const compare = comparison(server);
const MB = 1024 * 1024;

describe('many messages', () => {
  it('10,007 small rows', async () => {
    const { session } = await compare(async (client) => {
      assert.equal(typesOf(await client.query(1, 'select generate_series(1, 10007)')), 'TD*10007CZ');
    });
    const [statement] = session.statements;
    assert.deepEqual([statement?.rows, statement?.S.messages], [10_007, 10_010]);
  });

  it('a flood of 9,973 notices within a statement, and among copy data', async () => {
    const notices = (count: number): string =>
      `do $$ begin for n in 1..${count} loop raise notice 'notice %', n; end loop; end $$`;
    await compare(async (client) => {
      assert.equal(typesOf(await client.query(1, notices(9973))), 'N*9973CZ');
      await client.query(
        2,
        `create function pg_temp.noisy(n int) returns int language plpgsql as
         $$ begin raise notice 'noise %', n; return n; end $$`,
      );
      const copied = await client.query(
        3,
        'copy (select pg_temp.noisy(n) from generate_series(1, 23) n) to stdout',
      );
      assert.equal(typesOf(copied), `H${'Nd'.repeat(23)}cCZ`);
      // Noticed in the middle of a pipeline.
      client.send(4, ...execution(notices(7)));
      client.send(5, ...execution('select 5'), c.sync());
      assert.equal(typesOf(await client.receive(4, 'C')), '12nN*7C');
      assert.equal(typesOf(await client.receive(5, 'Z')), '12TDCZ');
    });
  });
});

describe('a large message', () => {
  it('a field of 100 MB passes, and is counted to the byte', async () => {
    const before = process.memoryUsage().rss;
    const { session } = await compare(async (client) => {
      assert.equal(typesOf(await client.query(1, `select repeat('x', ${100 * MB})`)), 'TDCZ');
    });
    const [statement] = session.statements;
    // RowDescription of "repeat", DataRow, CommandComplete, ReadyForQuery.
    assert.equal(statement?.S.bytes, 32 + (5 + 2 + 4 + 100 * MB) + 14 + 6);
    assert.equal(statement.rows, 1);
    const grown = process.memoryUsage().rss - before;
    assert.ok(grown < 50 * MB, `memory grew by ${Math.round(grown / MB)} MB`);
  });

  it('a parameter of 53 MB passes, and is counted to the byte', async () => {
    const { session } = await compare(async (client) => {
      const value = 'y'.repeat(53 * MB);
      client.send(1, c.parse('', 'select length($1::text)'), c.bind('', '', [value]), c.execute(), c.sync());
      const [, , row] = await client.receive(1, 'Z');
      assert.equal(row?.body.toString('latin1', 6), String(53 * MB));
    });
    assert.ok(session.statements[0]!.R.bytes > 53 * MB);
  });

  it('a statement of 1 MB is kept up to maxQueryBytes, cut at a character boundary', async () => {
    for (const maxQueryBytes of [1021, 1022, 1023, 1024]) {
      const sql = `select length('${'é€𝄞'.repeat(116_501)}')`;
      const { session } = await comparison(server, { maxQueryBytes })(async (client) => {
        await client.query(1, sql);
        client.send(2, ...execution(sql), c.sync());
        await client.receive(2, 'Z');
      });
      for (const statement of session.statements) {
        const { query } = statement;
        assert.ok(query !== null && sql.startsWith(query), 'a beginning of the text');
        const kept = Buffer.byteLength(query);
        assert.ok(kept <= maxQueryBytes && kept > maxQueryBytes - 4, `${kept} of ${maxQueryBytes} bytes`);
        assert.equal(statement.query_truncated, true);
        assert.equal(statement.query_bytes, Buffer.byteLength(sql), statement.kind);
      }
    }
  });

  it('a statement of exactly maxQueryBytes is kept whole', async () => {
    const sql = `select ${'1'.repeat(9)} -- ${'é'.repeat(100)}`;
    const whole = comparison(server, { maxQueryBytes: Buffer.byteLength(sql) });
    const { session } = await whole(async (client) => {
      await client.query(1, sql);
      client.send(2, ...execution(sql), c.sync());
      await client.receive(2, 'Z');
    });
    for (const { query, query_truncated: truncated } of session.statements) {
      assert.deepEqual([query, truncated], [sql, false]);
    }
  });
});

describe('another client_encoding', () => {
  it('disturbs no figure, and its texts are readable', async () => {
    const { session } = await compare(async (client) => {
      await client.query(1, 'set client_encoding to latin1');
      const text = Buffer.from(`select 'é', length('é')\0`, 'latin1');
      client.send(2, message('Q', text));
      const [, row] = await client.receive(2, 'Z');
      // One byte for é, and a length of one.
      assert.deepEqual([...row!.body], [0, 2, 0, 0, 0, 1, 0xe9, 0, 0, 0, 1, 0x31]);
    });
    assert.equal(session.statements[1]?.query, "select 'é', length('é')");
  });
});

describe('a reader that stops', () => {
  it('is charged with the time as client_stall, and the server only with its own', async () => {
    const running = await proxyBefore(server);
    const client = await CountingClient.connect(running);
    const observer = await CountingClient.connect(running, { application_name: 'observer' });
    const pid = running.proxy
      .report()
      .sessions.find(({ application_name: name }) => name !== 'observer')?.backend_pid;
    let asked = 0;
    const blocked = async (): Promise<boolean> => {
      const sql = `select from pg_stat_activity where pid = ${pid} and wait_event = 'ClientWrite'`;
      return typesOf(await observer.query((asked += 1), sql)) === 'TDCZ';
    };
    client.socket.pause();
    client.send(1, c.query(`copy (select repeat('x', 1009) from generate_series(1, 100003)) to stdout`));
    await until(blocked, 'the server to wait for its client');
    const from = performance.now();
    const session = (): SessionRecord | undefined =>
      running.proxy.report().sessions.find((one) => one.backend_pid === pid);
    await until(
      () => (session()?.statements[0]?.time.client_stall_us ?? 0) > 211_000,
      'the report to show the stall while it lasts',
    );
    const live = session();
    assert.ok(live !== undefined && live.undelivered.S > 0);
    assert.equal(live.balanced, true);
    const stopped = performance.now() - from;
    client.socket.resume();
    await client.receive(1, 'Z');
    await Promise.all([client.end(), observer.end()]);
    const ended = (await running.settled()).sessions.find((one) => one.backend_pid === pid);
    assert.ok(ended !== undefined);
    client.assertBooked(ended);
    const { time } = ended.statements[0]!;
    assert.ok(time.client_stall_us >= stopped * 1000, `${time.client_stall_us} of ${stopped * 1000}`);
    assert.ok(time.client_stall_us <= time.duration_us!);
    assert.ok(time.first_byte_us! < time.streaming_us!);
    assert.equal(time.server_stall_us, 0);
  });
});

describe('times', () => {
  it('first_byte is the server thinking, idle is what lies between statements', async () => {
    const { session } = await compare(async (client) => {
      await client.query(1, 'select pg_sleep(0.053)');
      await client.query(2, 'select 2');
      await client.query(3, 'begin');
      client.send(4, ...execution('select pg_sleep(0.101)'), c.sync());
      await client.receive(4, 'Z');
      await client.query(5, 'rollback');
    });
    const [slow, quick, , extended] = session.statements.map(({ time }) => time);
    assert.ok(slow!.first_byte_us! >= 53_000 && slow!.duration_us! >= slow!.first_byte_us!);
    assert.ok(quick!.duration_us! < 53_000);
    assert.ok(extended!.duration_us! >= 101_000);
    for (const time of session.statements.map((statement) => statement.time)) {
      assert.equal(time.first_byte_us! + time.client_wait_us + time.streaming_us!, time.duration_us);
      assert.ok(time.started_at >= session.started_at && time.started_at <= session.ended_at!);
    }
    const busy = session.statements.reduce((sum, statement) => sum + statement.time.duration_us!, 0);
    assert.ok(session.time.idle_us + busy <= session.time.duration_us);
    assert.ok(session.time.idle_in_transaction_us <= session.time.idle_us);
    assert.ok(session.time.idle_in_transaction_us > 0);
  });

  it('client_wait is the client thinking between two fetches from a portal', async () => {
    const { session } = await compare(async (client) => {
      await client.query(1, 'begin');
      const query = c.parse('', 'select generate_series(1, 23)');
      client.send(2, query, c.bind('p', ''), c.execute('p', 10), c.sync());
      await client.receive(2, 'Z');
      await setTimeout(53);
      client.send(2, c.execute('p', 10), c.sync());
      await client.receive(2, 'Z');
      await setTimeout(53);
      client.send(2, c.execute('p', 10), c.sync());
      await client.receive(2, 'Z');
      await client.query(3, 'commit');
    });
    const { time, fetches } = session.statements[1]!;
    assert.equal(fetches, 3);
    assert.ok(time.client_wait_us >= 2 * 52_000, `${time.client_wait_us} µs`);
    assert.equal(time.first_byte_us! + time.client_wait_us + time.streaming_us!, time.duration_us);
    assert.equal(session.time.client_wait_us, time.client_wait_us);
    assert.ok(session.time.idle_in_transaction_us >= time.client_wait_us);
  });
});
