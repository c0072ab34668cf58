import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import type { SessionRecord } from '../../src/report/model.ts';
import { libpqEnvironment, succeed } from '../support/programs.ts';
import { proxyBefore } from '../support/running_proxy.ts';
import { embeddedServer } from '../support/servers.ts';

/** A Python that has psycopg2: that of the system, or the first of the path. */
const python = ['/usr/bin/python3', 'python3'].find(
  (candidate) => spawnSync(candidate, ['-c', 'import psycopg2']).status === 0,
);
const skip = python === undefined && 'python3 with psycopg2 is not installed';
const server = python === undefined ? null : await embeddedServer();

/** Runs a script, directly and through a proxy. Both must print the same. */
async function same(script: string): Promise<SessionRecord> {
  assert.ok(server !== null && python !== undefined);
  const running = await proxyBefore(server);
  const [direct, proxied] = [server, running].map((target) =>
    succeed(python, ['-c', script], { env: libpqEnvironment(target) }),
  );
  assert.equal(await proxied, await direct);
  assert.notEqual(await direct, '');
  const { sessions } = await running.settled();
  assert.equal(sessions.length, 1);
  return sessions[0]!;
}

const CONNECT = `
import io, select, psycopg2, psycopg2.extensions, psycopg2.extras
c = psycopg2.connect('')
`;

describe('psycopg2', { skip }, () => {
  it('reads through a server-side cursor', async () => {
    const session = await same(`${CONNECT}
with c, c.cursor('reader') as cursor:
    cursor.itersize = 97
    cursor.execute('select n, repeat(chr(97 + n % 26), n % 53) from generate_series(1, 997) n')
    for row in cursor: print(row)
c.close()
`);
    const fetches = session.statements.filter(({ query }) => query?.startsWith('FETCH ') === true);
    assert.equal(
      fetches.reduce((sum, { rows }) => sum + (rows ?? 0), 0),
      997,
    );
    assert.ok(session.statements.every(({ outcome }) => outcome === 'ok'));
  });

  it('copies in and out, and goes on after a COPY that fails', async () => {
    const session = await same(`${CONNECT}
cursor = c.cursor()
cursor.execute('create temp table t (n int, text text)')
cursor.copy_from(io.StringIO(''.join(f'{n}\\ttext {n}\\n' for n in range(10007))), 't')
c.commit()
out = io.StringIO()
cursor.copy_to(out, 't')
print(hash(out.getvalue()) == hash(''.join(f'{n}\\ttext {n}\\n' for n in range(10007))))
try:
    cursor.copy_from(io.StringIO('no number\\n' * 9973), 't')
except psycopg2.Error as error:
    print(error.pgcode, error)
c.rollback()
class Broken:
    def __init__(self): self.left = 7
    def read(self, size):
        self.left -= 1
        if self.left == 0: raise ValueError('broken')
        return '1\\tx\\n'
try:
    cursor.copy_expert('copy t from stdin', Broken())
except Exception as error:
    print(type(error).__name__, error)
c.rollback()
cursor.execute('select count(*) from t')
print(cursor.fetchall())
c.close()
`);
    const copies = session.statements.filter(({ kind }) => kind.startsWith('copy'));
    assert.deepEqual(
      copies.map(({ kind, outcome, sqlstate, rows }) => [kind, outcome, sqlstate, rows]),
      [
        ['copy_in', 'ok', null, 10_007],
        ['copy_out', 'ok', null, 10_007],
        ['copy_in', 'error', '22P02', null],
        ['copy_in', 'cancelled', '57014', null],
      ],
    );
  });

  it('writes and reads large objects through FunctionCalls', async () => {
    const session = await same(`${CONNECT}
lo = c.lobject(0, 'wb')
content = bytes(range(256)) * 4001
print(lo.write(content) == len(content))
oid = lo.oid
lo.close()
lo = c.lobject(oid, 'rb')
print(lo.read() == content, lo.seek(1009), lo.read(23), lo.tell())
lo.unlink()
c.commit()
c.close()
`);
    const calls = session.statements.filter(({ kind }) => kind === 'function');
    assert.ok(calls.length > 7);
    assert.ok(calls.every(({ outcome, query }) => outcome === 'ok' && query === null));
    assert.ok(calls.some(({ R }) => R.bytes > 1_000_000) && calls.some(({ S }) => S.bytes > 1_000_000));
  });

  it('hears its notifications and notices, and cancels its own query', async () => {
    const session = await same(`${CONNECT}
c.set_isolation_level(psycopg2.extensions.ISOLATION_LEVEL_AUTOCOMMIT)
cursor = c.cursor()
channel = 'news_%d' % c.get_backend_pid()
cursor.execute(f'listen {channel}')
for n in range(23): cursor.execute('select pg_notify(%s, %s)', (channel, str(n)))
c.poll()
print([notify.payload for notify in c.notifies])
cursor.execute("do $$ begin raise notice 'hear'; end $$")
print(c.notices)
import threading
timer = threading.Timer(0.1, c.cancel)
timer.start()
try:
    cursor.execute('select pg_sleep(61)')
except psycopg2.Error as error:
    print(error.pgcode)
cursor.execute('select 1')
print(cursor.fetchall())
c.close()
`);
    assert.equal(session.statements.filter(({ outcome }) => outcome === 'cancelled').length, 1);
    assert.equal(session.statements.at(-1)?.outcome, 'ok');
  });

  it('runs transactions in two phases, savepoints and executemany in pages', async () => {
    const session = await same(`${CONNECT}
cursor = c.cursor()
cursor.execute('create temp table t (n int unique deferrable initially deferred)')
psycopg2.extras.execute_batch(cursor, 'insert into t values (%s)', [(n,) for n in range(997)], page_size=101)
c.commit()
cursor.execute('savepoint s')
try:
    cursor.execute('select 1/0')
except psycopg2.Error as error:
    print(error.pgcode)
    cursor.execute('rollback to s')
cursor.execute('insert into t values (1)')
try:
    c.commit()
except psycopg2.Error as error:
    print(error.pgcode)
cursor.execute('select count(*) from t')
print(cursor.fetchall())
c.close()
`);
    const pages = session.statements.filter(({ completions }) => completions > 1);
    assert.equal(
      pages.reduce((sum, { completions }) => sum + completions, 0),
      997,
    );
    assert.deepEqual(
      session.statements.filter(({ sqlstate }) => sqlstate !== null).map(({ sqlstate }) => sqlstate),
      ['22012', '23505'],
    );
  });
});
