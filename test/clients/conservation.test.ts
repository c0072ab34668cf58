import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { resetSocket } from '../../src/relay/reset.ts';
import type { ReportRecord } from '../../src/report/model.ts';
import { execution } from '../support/comparison.ts';
import { CountingClient, typesOf } from '../support/counting_client.ts';
import { client as c } from '../support/messages.ts';
import { proxyBefore, type RunningProxy } from '../support/running_proxy.ts';
import { embeddedServer } from '../support/servers.ts';
import { assertConserved } from '../support/conservation.ts';
import { until } from '../support/until.ts';

const server = await embeddedServer();

/** What one session does, over and over; `seq` is the number of its next statement. Returns how many it was. */
type Work = (client: CountingClient, seq: number) => Promise<number>;

const WORK: readonly Work[] = [
  async (client, seq) => {
    await client.query(seq, `select generate_series(1, ${seq % 97})`);
    return 1;
  },
  async (client, seq) => {
    client.send(seq, ...execution('select $1::text', ['x'.repeat(seq)]), c.sync());
    await client.receive(seq, 'Z');
    return 1;
  },
  async (client, seq) => {
    const name = `p${seq}`;
    client.send(seq, c.parse(name, 'select $1::int'), c.sync());
    await client.receive(seq, 'Z');
    for (let turn = 1; turn <= 3; turn += 1) {
      client.send(seq + turn, c.bind('', name, [`${turn}`]), c.execute(), c.sync());
      await client.receive(seq + turn, 'Z');
    }
    return 4;
  },
  async (client, seq) => {
    for (let turn = 0; turn < 7; turn += 1)
      client.send(seq + turn, ...execution('select $1::int', [`${turn}`]));
    client.send(seq + 6, c.sync());
    for (let turn = 0; turn < 7; turn += 1) await client.receive(seq + turn, 'C');
    await client.receive(seq + 6, 'Z');
    return 7;
  },
  async (client, seq) => {
    client.send(seq, c.query('copy pg_temp.copied from stdin'));
    await client.receive(seq, 'G');
    for (let row = 0; row < 101; row += 1) {
      client.send(seq, c.copyData(`${row}\t${'y'.repeat(row * 11)}\n`));
    }
    client.send(seq, c.copyDone());
    await client.receive(seq, 'Z');
    await client.query(seq + 1, 'copy pg_temp.copied to stdout');
    await client.query(seq + 2, 'truncate pg_temp.copied');
    return 3;
  },
  async (client, seq) => {
    await client.query(seq, 'select 1/0');
    client.send(seq + 1, ...execution('select no_such_column'));
    client.send(seq + 2, ...execution('select 2'), c.sync());
    await client.receive(seq + 1, 'E');
    await client.receive(seq + 2, 'Z');
    return 3;
  },
  async (client, seq) => {
    // A session hears its own notification behind CommandComplete, within its own statement.
    const channel = `port_${client.socket.localPort}`;
    await client.query(seq, `listen ${channel}`);
    assert.equal(typesOf(await client.query(seq + 1, `notify ${channel}, 'ping'`)), 'CAZ');
    await client.query(seq + 2, `unlisten ${channel}`);
    return 3;
  },
  async (client, seq) => {
    await client.query(seq, "select repeat('z', 1000003)");
    return 1;
  },
];

async function work(running: RunningProxy, session: number, turns: number): Promise<CountingClient> {
  const client = await CountingClient.connect(running, { application_name: `mixed ${session}` });
  await client.query(1, 'create temp table copied (number int, text text)');
  let seq = 2;
  for (let turn = 0; turn < turns; turn += 1) seq += await WORK[(session + turn) % WORK.length]!(client, seq);
  return client;
}

/** Takes reports while something goes on, and proves each. */
async function watch(running: RunningProxy, going: Promise<unknown>): Promise<number> {
  let over = false;
  const end = (): void => {
    over = true;
  };
  going.then(end, end);
  let reports = 0;
  let before: ReportRecord | null = null;
  await until(() => {
    const report = running.proxy.report();
    assertConserved(report);
    for (const direction of ['R', 'S'] as const) {
      for (const figure of ['bytes', 'messages', 'reads', 'writes'] as const) {
        const was = before?.totals[direction][figure] ?? 0;
        assert.ok(report.totals[direction][figure] >= was, `${direction} ${figure} went back`);
      }
    }
    before = report;
    reports += 1;
    return over;
  }, 'the end of the work');
  await going;
  return reports;
}

describe('conservation', () => {
  it('holds for 23 concurrent sessions of mixed work, at any moment, and agrees with their clients', async () => {
    const running = await proxyBefore(server);
    const clients: CountingClient[] = [];
    const going = Promise.all(
      Array.from({ length: 23 }, async (_, session) => {
        clients[session] = await work(running, session, 13);
      }),
    );
    assert.ok((await watch(running, going)) > 3, 'reports were taken in the middle');
    await Promise.all(clients.map((client) => client.end()));
    const report = await running.settled();
    assert.equal(report.sessions.length, 23);
    for (const [session, client] of clients.entries()) {
      const record = report.sessions.find((one) => one.application_name === `mixed ${session}`);
      assert.ok(record !== undefined);
      client.assertBooked(record);
    }
  });

  it('holds when statements and sessions are folded, which changes no total', async () => {
    const running = await proxyBefore(server, { maxStatementsKept: 3, maxSessionsKept: 5 });
    let written = 0;
    let read = 0;
    let statements = 0;
    const going = Promise.all(
      Array.from({ length: 23 }, async (_, session) => {
        const client = await work(running, session, 11);
        await client.end();
        written += client.socket.bytesWritten;
        read += client.socket.bytesRead;
        for (let seq = 1; client.figures(seq).R.bytes > 0; seq += 1) statements += 1;
      }),
    );
    await watch(running, going);
    const report = await running.settled();
    assert.equal(report.sessions.length, 5);
    assert.equal(report.dropped.sessions, 18);
    assert.equal(report.totals.R.bytes, written);
    assert.equal(report.totals.S.bytes, read);
    const kept = report.sessions.reduce((sum, session) => sum + session.statement_count, 0);
    assert.equal(kept + report.dropped.statements, statements);
    for (const session of report.sessions) assert.ok(session.statements.length <= 3);
    // Looking again changes nothing.
    const again = running.proxy.report();
    assert.deepEqual(again.totals, report.totals);
    assert.deepEqual(again.dropped, report.dropped);
  });

  it('holds when clients break off in the middle of a request, of a reply and of a COPY', async () => {
    const running = await proxyBefore(server);
    const large = 'select repeat($$a$$, 1000003) from generate_series(1, 101)';
    const breaks: readonly ((client: CountingClient) => Promise<void>)[] = [
      async (client) => client.sendBytes(1, c.query('select 1').subarray(0, 3), 1),
      async (client) => client.sendBytes(1, c.query('select 1').subarray(0, 9), 1),
      async (client) => {
        client.send(1, c.query(large));
        await client.next(1);
      },
      async (client) => {
        client.send(
          1,
          c.query('copy (select repeat($$b$$, 1009) from generate_series(1, 100003)) to stdout'),
        );
        await client.receive(1, 'd');
      },
      async (client) => {
        await client.query(1, 'create temp table copied (text text)');
        client.send(2, c.query('copy copied from stdin'));
        await client.receive(2, 'G');
        for (let row = 0; row < 997; row += 1) client.send(2, c.copyData('c'.repeat(1013)));
        await client.drained();
      },
      async (client) => client.send(1, c.query('select pg_sleep(0.1)')),
      async (client) => client.send(1, ...execution('select 1')),
    ];
    for (const reset of [false, true]) {
      const going = Promise.all(
        breaks.map(async (toBreak) => {
          const client = await CountingClient.connect(running);
          await toBreak(client);
          if (reset) resetSocket(client.socket);
          else client.socket.destroy();
        }),
      );
      await watch(running, going);
    }
    const report = await running.settled();
    assert.equal(report.sessions.length, 14);
    for (const session of report.sessions) {
      // Who closes in order may still be answered, and the answer may still be in time.
      const inTime = session.end_reason === 'client_closed' && session.statements[0]?.outcome === 'ok';
      assert.ok(session.end_reason === 'aborted' || inTime, `session ${session.id}: ${session.end_reason}`);
      for (const statement of session.statements) {
        assert.notEqual(statement.outcome, 'open', `session ${session.id}: ${statement.query}`);
      }
    }
  });

  it('holds when a backend is terminated in the middle, and tells why the session ended', async () => {
    const running = await proxyBefore(server);
    const victim = await CountingClient.connect(running, { application_name: 'victim' });
    const killer = await CountingClient.connect(running, { application_name: 'killer' });
    victim.send(1, c.query('select pg_sleep(61)'));
    // Not before it sleeps: a backend that is terminated earlier says less.
    const terminate =
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'victim' and wait_event = 'PgSleep'";
    for (let seq = 1; !typesOf(await killer.query(seq, terminate)).includes('D'); seq += 1);
    assert.equal(typesOf(await victim.receive(1, 'E')), 'TE');
    await killer.end();
    const report = await running.settled();
    const session = report.sessions.find((one) => one.application_name === 'victim');
    assert.ok(session !== undefined);
    victim.assertBooked(session);
    assert.deepEqual([session.statements[0]?.outcome, session.statements[0]?.sqlstate], ['error', '57P01']);
    assert.match(session.end_detail ?? '', /^FATAL 57P01/);
  });

  it('books the notifications and the farewell that an idle session hears as async', async () => {
    const running = await proxyBefore(server);
    const listener = await CountingClient.connect(running, { application_name: 'listener' });
    const speaker = await CountingClient.connect(running, { application_name: 'speaker' });
    await listener.query(1, 'listen news');
    for (let seq = 1; seq <= 23; seq += 1) {
      await speaker.query(seq, `notify news, '${seq}'`);
      assert.equal((await listener.next('async')).type, 'A');
    }
    await listener.query(2, 'select 2');
    await speaker.query(
      24,
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'listener'",
    );
    assert.equal((await listener.next('async')).type, 'E');
    await speaker.end();
    const report = await running.settled();
    for (const [name, client] of [
      ['listener', listener],
      ['speaker', speaker],
    ] as const) {
      const session = report.sessions.find((one) => one.application_name === name);
      assert.ok(session !== undefined);
      client.assertBooked(session);
      assert.equal(session.end_reason, name === 'listener' ? 'server_closed' : 'terminate');
    }
  });
});
