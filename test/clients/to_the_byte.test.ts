import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { comparison, execution } from '../support/comparison.ts';
import { CountingClient, typesOf } from '../support/counting_client.ts';
import { client as c } from '../support/messages.ts';
import { proxyBefore } from '../support/running_proxy.ts';
import { embeddedServer } from '../support/servers.ts';
import { until } from '../support/until.ts';

const server = await embeddedServer();

const compare = comparison(server);

describe('to the byte', () => {
  it('books a simple query as its client counts it', async () => {
    const { session } = await compare(async (client) => {
      assert.equal(typesOf(await client.query(1, 'select 1')), 'TDCZ');
    });
    const [statement] = session.statements;
    assert.ok(statement !== undefined);
    // Query: 5 bytes of header, the text and its NUL.
    assert.deepEqual([statement.R.bytes, statement.R.messages], [14, 1]);
    // RowDescription 34, DataRow 12, CommandComplete 14, ReadyForQuery 6.
    assert.deepEqual([statement.S.bytes, statement.S.messages], [34 + 12 + 14 + 6, 4]);
    assert.deepEqual([statement.kind, statement.tag, statement.rows], ['query', 'SELECT 1', 1]);
  });

  it('books what start-up takes, byte for byte', async () => {
    const { session, client } = await compare(() => Promise.resolve(), { application_name: 'counting' });
    assert.deepEqual(session.accounts.startup.R, client.figures('startup').R.bytes);
    assert.equal(session.accounts.control.R, 5, 'Terminate');
    assert.equal(session.application_name, 'counting');
    assert.equal(session.statement_count, 0);
  });

  it('books COPY FROM STDIN and COPY TO STDOUT as their client counts them', async () => {
    const rows = 10_007;
    const { session } = await compare(async (client) => {
      await client.query(1, 'create temp table t (number int, text text)');
      client.send(2, c.query('copy t from stdin'));
      assert.equal(typesOf(await client.receive(2, 'G')), 'G');
      for (let row = 0; row < rows; row += 1) {
        client.send(2, c.copyData(`${row}\t${'x'.repeat(row % 499)}\n`));
        if (row % 997 === 0) await client.drained();
      }
      client.send(2, c.copyDone());
      assert.equal(typesOf(await client.receive(2, 'Z')), 'CZ');
      client.send(3, c.query('copy t to stdout'));
      assert.equal(typesOf(await client.receive(3, 'Z')), `Hd*${rows}cCZ`);
    });
    const [, copyIn, copyOut] = session.statements;
    assert.deepEqual([copyIn?.kind, copyIn?.tag, copyIn?.rows], ['copy_in', `COPY ${rows}`, rows]);
    assert.deepEqual([copyOut?.kind, copyOut?.tag, copyOut?.rows], ['copy_out', `COPY ${rows}`, rows]);
    assert.equal(copyIn?.R.messages, rows + 2);
    assert.equal(copyOut?.S.messages, rows + 4);
  });

  it('books an extended execution with its Sync and ReadyForQuery', async () => {
    const { session } = await compare(async (client) => {
      client.send(1, ...execution('select $1::int + 1', ['22']), c.sync());
      assert.equal(typesOf(await client.receive(1, 'Z')), '12TDCZ');
    });
    const [statement] = session.statements;
    assert.deepEqual(
      [statement?.kind, statement?.query, statement?.fetches, statement?.outcome],
      ['execute', 'select $1::int + 1', 1, 'ok'],
    );
  });

  const failures: readonly [where: string, sql: string, replies: string][] = [
    ['Parse', 'select no_such_column', 'E'],
    // The planner, which knows the parameter, divides.
    ['Bind', 'select 6 / ($1::int - 7)', '1E'],
    ['Execute, behind six rows', 'select 6 / (n - 7) from generate_series(1, $1) n', '12TD*6E'],
  ];
  for (const [where, sql, replies] of failures) {
    it(`books a pipeline of 23 executions with an error in the 7th, at ${where}`, async () => {
      const { session } = await compare(async (client) => {
        for (let seq = 1; seq <= 23; seq += 1) {
          const text = seq === 7 ? sql : 'select generate_series(1, $1::int)';
          client.send(seq, ...execution(text, where === 'Parse' && seq === 7 ? [] : [`${seq}`]));
        }
        client.send(23, c.sync());
        for (let seq = 1; seq <= 7; seq += 1) {
          const rows = seq === 1 ? 'D' : `D*${seq}`;
          const expected = seq === 7 ? replies : `12T${rows}C`;
          assert.equal(typesOf(await client.receive(seq, 'CE')), expected);
        }
        assert.equal(typesOf(await client.receive(23, 'Z')), 'Z');
        assert.equal(typesOf(await client.query(24, 'select 24')), 'TDCZ');
      });
      assert.deepEqual(
        session.statements.map((statement) => statement.outcome),
        [...Array<string>(6).fill('ok'), 'error', ...Array<string>(16).fill('aborted'), 'ok'],
      );
      assert.ok(session.statements[6]?.sqlstate !== null);
    });
  }

  it('books 23 pipelines that are all sent before the first reply is read', async () => {
    await compare(async (client) => {
      for (let seq = 1; seq <= 23; seq += 1) client.send(seq, ...execution(`select ${seq}`), c.sync());
      for (let seq = 1; seq <= 23; seq += 1) {
        assert.equal(typesOf(await client.receive(seq, 'Z')), '12TDCZ');
      }
    });
  });

  it('books each byte when every byte of the requests is read alone', async () => {
    const { session } = await compare(async (client, running) => {
      const messages: [number, Buffer][] = [
        [1, c.query('select 1')],
        ...[...execution('select 2'), c.sync()].map((message): [number, Buffer] => [2, message]),
        [3, c.query('select 3')],
      ];
      for (const [seq, message] of messages) {
        for (let at = 0; at < message.length; at += 1) {
          client.sendBytes(seq, message.subarray(at, at + 1), at === 0 ? 1 : 0);
          const written = client.socket.bytesWritten;
          await until(
            () => running.proxy.report().sessions[0]?.wire.client.bytes_in === written,
            'the proxy to read a byte',
          );
        }
      }
      for (let seq = 1; seq <= 3; seq += 1) await client.receive(seq, 'Z');
    });
    for (const { R } of session.statements) assert.deepEqual([R.reads, R.writes], [R.bytes, R.bytes]);
  });

  it('books a prepared statement executed 997 times, each time alone', async () => {
    const { session } = await compare(async (client) => {
      client.send(1, c.parse('p', 'select $1::text'), c.sync());
      assert.equal(typesOf(await client.receive(1, 'Z')), '1Z');
      for (let seq = 2; seq <= 998; seq += 1) {
        client.send(seq, c.bind('', 'p', ['x'.repeat(seq)]), c.execute(), c.sync());
        assert.equal(typesOf(await client.receive(seq, 'Z')), '2DCZ');
      }
      client.send('control', c.close('S', 'p'), c.sync());
      assert.equal(typesOf(await client.receive('control', 'Z')), '3Z');
    });
    assert.equal(session.statements[0]?.kind, 'prepare');
    assert.ok(session.statements.slice(1).every((statement) => statement.query === 'select $1::text'));
  });

  it('books a cancelled, a failed and an empty query, and several commands in one', async () => {
    const { session } = await compare(async (client) => {
      await client.query(1, "set statement_timeout = '23ms'");
      assert.equal(typesOf(await client.query(2, 'select pg_sleep(61)')), 'TEZ');
      await client.query(3, 'reset statement_timeout');
      assert.equal(typesOf(await client.query(4, 'select 1/0')), 'EZ');
      assert.equal(typesOf(await client.query(5, '')), 'IZ');
      assert.equal(typesOf(await client.query(6, "select ';'; select 2; select 3/0; select 4")), 'TDCTDCEZ');
    });
    assert.deepEqual(
      session.statements.map(({ outcome, sqlstate }) => [outcome, sqlstate]),
      [
        ['ok', null],
        ['cancelled', '57014'],
        ['ok', null],
        ['error', '22012'],
        ['ok', null],
        ['error', '22012'],
      ],
    );
  });

  it('books a session whose database does not exist as one whose log-in failed, with its reason', async () => {
    const running = await proxyBefore(server);
    const client = await CountingClient.open(running);
    client.send('startup', c.startup({ user: 'postgres', database: 'no_such_database' }));
    // AuthenticationOk comes before the server looks at the database.
    const answer = await client.receive('startup', 'E');
    assert.match(answer.at(-1)!.body.toString(), /no_such_database/);
    const [session] = (await running.settled()).sessions;
    assert.ok(session !== undefined);
    client.assertBooked(session);
    assert.equal(session.end_reason, 'login_failed');
    assert.match(session.end_detail ?? '', /FATAL 3D000/);
  });
});
