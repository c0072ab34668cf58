import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SessionRecord } from '../../src/report/model.ts';
import { comparison, execution } from '../support/comparison.ts';
import { typesOf } from '../support/counting_client.ts';
import { client as c, message } from '../support/messages.ts';
import { embeddedServer } from '../support/servers.ts';

const compare = comparison(await embeddedServer());

/** What a statement came to, in the order of the client's requests. */
const outcomes = (session: SessionRecord): unknown[] =>
  session.statements.map(({ kind, outcome, sqlstate }) =>
    sqlstate === null ? [kind, outcome] : [kind, outcome, sqlstate],
  );

const ROWS = Array.from({ length: 23 }, (_, row) => c.copyData(`${row}\n`));

describe('COPY FROM STDIN of a real server', () => {
  it('in the extended protocol, with a Sync within it that gets no answer', async () => {
    const { session } = await compare(async (client) => {
      await client.query(1, 'create temp table t (n int)');
      client.send(2, c.parse('', 'copy t from stdin'), c.bind('', ''), c.execute(), c.sync());
      client.send(2, ...ROWS, c.flush(), c.copyDone(), c.sync());
      assert.equal(typesOf(await client.receive(2, 'Z')), '12GCZ');
      assert.equal(typesOf(await client.query(3, 'table t')), 'TD*23CZ');
    });
    assert.deepEqual(outcomes(session), [
      ['query', 'ok'],
      ['copy_in', 'ok'],
      ['query', 'ok'],
    ]);
  });

  it('whose data comes ahead of the invitation', async () => {
    const { session } = await compare(async (client) => {
      await client.query(1, 'create temp table t (n int)');
      client.send(2, c.query('copy t from stdin'), ...ROWS, c.copyDone());
      client.send(3, c.query('table t'));
      assert.equal(typesOf(await client.receive(2, 'Z')), 'GCZ');
      assert.equal(typesOf(await client.receive(3, 'Z')), 'TD*23CZ');
    });
    assert.deepEqual(session.statements[1]?.rows, 23);
  });

  it('that is refused although its data is on the way, in either protocol', async () => {
    const { session } = await compare(async (client) => {
      client.send(1, c.query('copy no_such_table from stdin'), ...ROWS, c.copyDone());
      client.send(2, c.query('select 2'));
      assert.equal(typesOf(await client.receive(1, 'Z')), 'EZ');
      assert.equal(typesOf(await client.receive(2, 'Z')), 'TDCZ');
      client.send(3, c.parse('', 'copy no_such_table from stdin'), c.bind('', ''), c.execute());
      client.send(3, ...ROWS, c.copyDone(), c.sync());
      client.send(4, ...execution('select 4'), c.sync());
      assert.equal(typesOf(await client.receive(3, 'Z')), '12EZ');
      assert.equal(typesOf(await client.receive(4, 'Z')), '12TDCZ');
    });
    assert.deepEqual(
      session.statements.map(({ outcome, sqlstate }) => [outcome, sqlstate]),
      [
        ['error', '42P01'],
        ['ok', null],
        ['error', '42P01'],
        ['ok', null],
      ],
    );
  });

  it('that fails at a row while the client still sends, in either protocol', async () => {
    const { session } = await compare(async (client) => {
      await client.query(1, 'create temp table t (n int)');
      client.send(2, c.query('copy t from stdin'));
      assert.equal(typesOf(await client.receive(2, 'G')), 'G');
      client.send(2, c.copyData('no number\n'), ...ROWS);
      assert.equal(typesOf(await client.receive(2, 'Z')), 'EZ');
      client.send(2, ...ROWS, c.copyDone());
      assert.equal(typesOf(await client.query(3, 'select 3')), 'TDCZ');
      client.send(4, c.parse('', 'copy t from stdin'), c.bind('', ''), c.execute(), c.flush());
      assert.equal(typesOf(await client.receive(4, 'G')), '12G');
      client.send(4, c.copyData('no number\n'), ...ROWS, c.flush());
      assert.equal(typesOf(await client.receive(4, 'E')), 'E');
      client.send(4, ...ROWS, c.copyDone(), c.sync());
      assert.equal(typesOf(await client.receive(4, 'Z')), 'Z');
      assert.equal(typesOf(await client.query(5, 'select 5')), 'TDCZ');
    });
    assert.deepEqual(outcomes(session), [
      ['query', 'ok'],
      ['copy_in', 'error', '22P02'],
      ['query', 'ok'],
      ['copy_in', 'error', '22P02'],
      ['query', 'ok'],
    ]);
  });

  it('that the client gives up, in either protocol', async () => {
    const { session } = await compare(async (client) => {
      await client.query(1, 'create temp table t (n int)');
      client.send(2, c.query('copy t from stdin'), ...ROWS, c.copyFail('enough'));
      assert.equal(typesOf(await client.receive(2, 'Z')), 'GEZ');
      client.send(3, c.parse('', 'copy t from stdin'), c.bind('', ''), c.execute());
      client.send(3, ...ROWS, c.copyFail('enough'), c.sync());
      assert.equal(typesOf(await client.receive(3, 'Z')), '12GEZ');
      assert.equal(typesOf(await client.query(4, 'table t')), 'TCZ');
    });
    assert.deepEqual(outcomes(session).slice(1, 3), [
      ['copy_in', 'cancelled', '57014'],
      ['copy_in', 'cancelled', '57014'],
    ]);
  });

  it('twice in one Query, with a SELECT between', async () => {
    const { session } = await compare(async (client) => {
      await client.query(1, 'create temp table t (n int)');
      client.send(2, c.query('copy t from stdin; table t; copy t from stdin; copy t to stdout'));
      assert.equal(typesOf(await client.receive(2, 'G')), 'G');
      client.send(2, ...ROWS, c.copyDone());
      assert.equal(typesOf(await client.receive(2, 'G')), 'CTD*23CG');
      client.send(2, ...ROWS, c.copyDone());
      assert.equal(typesOf(await client.receive(2, 'Z')), 'CHd*46cCZ');
    });
    const [, copy] = session.statements;
    assert.deepEqual(
      copy?.parts.map(({ tag, rows }) => [tag, rows]),
      [
        ['COPY 23', 23],
        ['SELECT 23', 23],
        ['COPY 23', 23],
        ['COPY 46', 46],
      ],
    );
    assert.equal(
      copy.parts.reduce((sum, part) => sum + part.S.bytes, 0) + 6,
      copy.S.bytes,
      'the parts and ReadyForQuery are all of it',
    );
  });
});

describe('errors of a real server', () => {
  it('in a pipeline: everything up to the Sync is skipped, a Query included', async () => {
    const { session } = await compare(async (client) => {
      client.send(1, ...execution('selekt'));
      client.send(2, c.query('select 2'));
      client.send(3, ...execution('select 3'), c.sync());
      assert.equal(typesOf(await client.receive(1, 'E')), 'E');
      assert.equal(typesOf(await client.receive(3, 'Z')), 'Z');
      assert.equal(typesOf(await client.query(4, 'select 4')), 'TDCZ');
    });
    assert.deepEqual(outcomes(session), [
      ['execute', 'error', '42601'],
      ['query', 'aborted'],
      ['execute', 'aborted'],
      ['query', 'ok'],
    ]);
  });

  it('at the end of a transaction: a deferred constraint fails at COMMIT and at Sync', async () => {
    const { session } = await compare(async (client) => {
      await client.query(1, 'create temp table t (n int unique deferrable initially deferred)');
      await client.query(2, 'begin');
      await client.query(3, 'insert into t values (1), (1)');
      assert.equal(typesOf(await client.query(4, 'commit')), 'EZ');
      client.send(5, ...execution('insert into t values (1), (1)'), c.sync());
      assert.equal(typesOf(await client.receive(5, 'Z')), '12nCEZ');
      client.send(6, c.query('insert into t values (1), (1)'));
      assert.equal(typesOf(await client.receive(6, 'Z')), 'EZ');
    });
    assert.deepEqual(outcomes(session).slice(2), [
      ['query', 'ok'],
      ['query', 'error', '23505'],
      ['execute', 'error', '23505'],
      ['query', 'error', '23505'],
    ]);
  });

  it('that end the session: an idle time-out within a transaction', async () => {
    const { session } = await compare(async (client) => {
      await client.query(1, "set idle_in_transaction_session_timeout = '53ms'");
      await client.query(2, 'begin');
      assert.equal(typesOf(await client.receive('async', 'E')), 'E');
      await client.closed();
    });
    assert.match(session.end_detail ?? '', /^FATAL 25P03/);
    // No lower bound of 53 ms: the server's clock runs from before its ReadyForQuery is read here.
    assert.ok(session.time.idle_in_transaction_us > 0);
    assert.ok(session.time.idle_us <= session.time.duration_us);
    assert.ok(session.time.idle_us >= session.time.idle_in_transaction_us);
  });
});

describe('names of a real server', () => {
  it('a Parse that fails because the name is taken leaves the old definition', async () => {
    const { session } = await compare(async (client) => {
      client.send(1, c.parse('p', 'select 1'), c.sync());
      assert.equal(typesOf(await client.receive(1, 'Z')), '1Z');
      client.send(2, c.parse('p', 'select 2'), c.sync());
      assert.equal(typesOf(await client.receive(2, 'Z')), 'EZ');
      client.send(3, c.bind('', 'p'), c.execute(), c.sync());
      assert.equal(typesOf(await client.receive(3, 'Z')), '2DCZ');
    });
    assert.equal(session.statements[2]?.query, 'select 1');
  });

  it('DEALLOCATE and DISCARD ALL through SQL drop what the protocol has prepared', async () => {
    const { session } = await compare(async (client) => {
      let seq = 0;
      for (const drop of ['deallocate "P"', 'deallocate all', 'discard all', 'DEALLOCATE PREPARE "P" ;']) {
        client.send((seq += 1), c.parse('P', `select '${drop}'`), c.sync());
        assert.equal(typesOf(await client.receive(seq, 'Z')), '1Z');
        assert.equal(typesOf(await client.query((seq += 1), drop)).at(-1), 'Z');
        client.send((seq += 1), c.bind('', 'P'), c.execute(), c.sync());
        assert.equal(typesOf(await client.receive(seq, 'Z')), 'EZ');
      }
    });
    for (const [index, statement] of session.statements.entries()) {
      if (index % 3 !== 2) continue;
      assert.deepEqual([statement.query, statement.sqlstate], [null, '26000']);
    }
  });

  it('PREPARE and EXECUTE through SQL, and a Bind of what SQL has prepared', async () => {
    const { session } = await compare(async (client) => {
      await client.query(1, 'prepare twice (int) as select 2 * $1');
      assert.equal(typesOf(await client.query(2, 'execute twice (23)')), 'TDCZ');
      client.send(3, c.bind('', 'twice', ['23']), c.execute(), c.sync());
      assert.equal(typesOf(await client.receive(3, 'Z')), '2DCZ');
    });
    assert.deepEqual(outcomes(session), [
      ['query', 'ok'],
      ['query', 'ok'],
      ['execute', 'ok'],
    ]);
  });

  it('a Query drops the unnamed statement', async () => {
    const { session } = await compare(async (client) => {
      client.send(1, ...execution('select 1'), c.sync());
      await client.receive(1, 'Z');
      await client.query(2, 'select 2');
      client.send(3, c.bind('', ''), c.execute(), c.sync());
      assert.equal(typesOf(await client.receive(3, 'Z')), 'EZ');
    });
    assert.deepEqual([session.statements[2]?.query, session.statements[2]?.sqlstate], [null, '26000']);
  });
});

describe('portals of a real server', () => {
  it('fetched in the manner of JDBC, with other statements between, are one statement each', async () => {
    const { session } = await compare(async (client) => {
      client.send(1, c.parse('', 'begin'), c.bind('', ''), c.execute('', 0));
      client.send(2, c.parse('S_1', 'select generate_series(1, 97)'), c.bind('C_1', 'S_1'));
      client.send(2, c.describe('P', 'C_1'), c.execute('C_1', 10), c.sync());
      assert.equal(typesOf(await client.receive(1, 'C')), '12C');
      assert.equal(typesOf(await client.receive(2, 'Z')), '12TD*10sZ');
      for (let fetch = 2; fetch <= 9; fetch += 1) {
        const other = fetch + 1;
        client.send(other, ...execution(`select ${other}`), c.sync());
        assert.equal(typesOf(await client.receive(other, 'Z')), '12TDCZ');
        client.send(2, c.execute('C_1', 10), c.sync());
        assert.equal(typesOf(await client.receive(2, 'Z')), 'D*10sZ');
      }
      client.send(2, c.execute('C_1', 10), c.sync());
      assert.equal(typesOf(await client.receive(2, 'Z')), 'D*7CZ');
      client.send('control', c.close('P', 'C_1'));
      client.send(11, c.parse('', 'commit'), c.bind('', ''), c.execute(), c.sync());
      assert.equal(typesOf(await client.receive('control', '3')), '3');
      assert.equal(typesOf(await client.receive(11, 'Z')), '12CZ');
    });
    const fetched = session.statements[1];
    assert.deepEqual([fetched?.fetches, fetched?.outcome, fetched?.tag], [10, 'ok', 'SELECT 7']);
  });

  it('left early are over with their transaction', async () => {
    const { session } = await compare(async (client) => {
      await client.query(1, 'begin');
      client.send(2, c.parse('', 'select generate_series(1, 97)'), c.bind('C_2', ''), c.execute('C_2', 11));
      client.send(2, c.sync());
      assert.equal(typesOf(await client.receive(2, 'Z')), '12D*11sZ');
      await client.query(3, 'rollback');
      client.send(4, c.execute('C_2', 11), c.sync());
      assert.equal(typesOf(await client.receive(4, 'Z')), 'EZ');
    });
    assert.deepEqual(
      session.statements.map(({ outcome, rows, sqlstate }) => [outcome, rows, sqlstate]),
      [
        ['ok', null, null],
        ['ok', 11, null],
        ['ok', null, null],
        ['error', null, '34000'],
      ],
    );
  });
});

describe('FunctionCall of a real server', () => {
  const int32 = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(value);
    return bytes;
  };
  /** A call with arguments of four bytes each, in binary. */
  const call = (oid: number, ...values: number[]): Buffer => {
    const args = values.flatMap((value) => [int32(4), int32(value)]);
    return message('F', int32(oid), [0, 1, 0, 1], [0, values.length], ...args, [0, 1]);
  };

  it('is one statement without a tag, also when it fails', async () => {
    const { session } = await compare(async (client) => {
      const oid = async (seq: number, name: string): Promise<number> => {
        const [, row] = await client.query(seq, `select '${name}'::regproc::oid`);
        return Number(row!.body.toString('latin1', 6));
      };
      const plus = await oid(1, 'int4pl');
      const divide = await oid(2, 'int4div');
      for (let seq = 3; seq <= 23; seq += 1) {
        client.send(seq, call(plus, seq, seq));
        const [reply] = await client.receive(seq, 'Z');
        assert.equal(reply?.type, 'V');
        assert.equal(reply.body.readInt32BE(4), 2 * seq);
      }
      client.send(24, call(divide, 1, 0));
      assert.equal(typesOf(await client.receive(24, 'Z')), 'EZ');
    });
    const calls = session.statements.slice(2);
    assert.ok(calls.every(({ kind, query, tag }) => kind === 'function' && query === null && tag === null));
    assert.deepEqual([calls.at(-1)?.outcome, calls.at(-1)?.sqlstate], ['error', '22012']);
  });
});

describe('an end of the conversation', () => {
  it('right behind the last Query: its reply still comes', async () => {
    const { session } = await compare(async (client) => {
      client.send(1, c.query('select generate_series(1, 997)'));
      assert.equal(typesOf(await client.receive(1, 'Z')), 'TD*997CZ');
      client.send(2, c.query("select pg_sleep(0.05), 'late'"));
      client.send('control', c.terminate());
      assert.equal(typesOf(await client.receive(2, 'Z')), 'TDCZ');
      await client.closed();
    });
    assert.equal(session.statements[1]?.outcome, 'ok');
  });
});
