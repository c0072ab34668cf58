import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Command, readCommand } from '../../src/console/commands.ts';
import { SHOWN, VIEWED } from '../../src/console/tables.ts';

function kindOf(text: string): Command['kind'] {
  return readCommand(text).kind;
}

describe('a command of the console', () => {
  for (const [name, table] of SHOWN) {
    it(`is SHOW ${name}, in any case, with a semicolon or space around`, () => {
      for (const text of [`show ${name}`, `SHOW ${name.toUpperCase()};`, `\n show\t${name} ; `])
        assert.deepEqual(readCommand(text), { kind: 'show', table });
    });
  }

  it('names a session to cancel or to end', () => {
    assert.deepEqual(readCommand('CANCEL SESSION 7;'), { kind: 'signal', how: 'cancel', session: 7 });
    assert.deepEqual(readCommand('kill  session 11'), { kind: 'signal', how: 'kill', session: 11 });
    for (const text of ['kill session', 'cancel session abc', 'kill session 1; drop table t'])
      assert.equal(kindOf(text), 'refused', text);
  });

  it('is refused when it is one of a pool', () => {
    for (const text of ['PAUSE', 'pause shop;', 'RESUME', 'RECONNECT', 'KILL shop', 'wait_close x'])
      assert.equal(kindOf(text), 'refused', text);
  });

  it('that has a slip of the pen names the right one', () => {
    for (const [text, meant] of [
      ['show statss', 'STATS'],
      ['show stat', 'STATS'],
      ['show sttas', 'STATS'],
      ['show clientz', 'CLIENTS'],
      ['show activty', 'ACTIVITY'],
    ] as const) {
      const command = readCommand(text);
      assert.ok(command.kind === 'refused', text);
      assert.ok(command.hint.includes(`SHOW ${meant}?`), command.hint);
    }
  });

  it('is told from SQL at once, however many spaces are in that: 100,000 took seconds, in which nobody was relayed', () => {
    const before = performance.now();
    for (const space of [' ', ';', '\n']) {
      assert.equal(kindOf(`select${space.repeat(100_000)}1`), 'sql');
      assert.equal(kindOf(`show stats${space.repeat(100_000)}`), 'show');
    }
    assert.ok(performance.now() - before < 1000);
  });

  it('is SQL in all other cases', () => {
    for (const text of [
      'show all',
      'show server_version',
      'show work_mem',
      'show search_path',
      'show stats; select 1',
      "select 'show stats'",
      'explain select 1',
      'cancel',
      '',
      ';',
    ])
      assert.deepEqual(readCommand(text), { kind: 'sql', views: new Map() }, text);
  });

  it('names the views that it reads, however they are written', () => {
    const viewsOf = (text: string): string[] => {
      const command = readCommand(text);
      return command.kind === 'sql' ? [...command.views.keys()] : [];
    };
    assert.deepEqual(viewsOf('select * from netflow_totals'), ['netflow_totals']);
    assert.deepEqual(viewsOf('SELECT * FROM NETFLOW_TOTALS a, "netflow_copies" b, pg_temp.netflow_totals'), [
      'netflow_totals',
      'netflow_copies',
    ]);
    assert.deepEqual(viewsOf('select * from netflow_of_somebody_else'), []);
    for (const name of VIEWED.keys()) assert.deepEqual(viewsOf(`table ${name}`), [name]);
  });
});
