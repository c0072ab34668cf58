// SIGTERM with --drain-timeout: sessions end between their transactions, and not within.
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type pg from 'pg';
import type { ReportRecord } from '../../src/report/model.ts';
import { Command } from '../support/command.ts';
import { connectAs } from '../support/console.ts';
import { connectTo, freePort } from '../support/peers.ts';
import { libpqEnvironment, start, succeed } from '../support/programs.ts';
import { debianMissing, debianProgram, embeddedServer } from '../support/servers.ts';
import { until } from '../support/until.ts';

const server = await embeddedServer();
const timeout = 60_000;

interface Draining {
  readonly command: Command;
  readonly port: number;
}

async function started(...args: string[]): Promise<Draining> {
  const command = new Command(['proxy', '--listen', ':0', '--report', 'json', ...args], {
    PGNETFLOW_UPSTREAM: `127.0.0.1:${server.port}`,
  });
  after(() => command.kill('SIGKILL'));
  return { command, port: await command.listening() };
}

function connect({ port }: Draining): Promise<pg.Client> {
  return connectAs({ host: '127.0.0.1', port });
}

/** The SQLSTATE with which a session ends. */
function endOf(client: pg.Client): Promise<string> {
  return new Promise((resolve) => {
    client.on('error', (error: Error & { code?: string }) => resolve(error.code ?? error.message));
  });
}

async function reportOf({ command }: Draining): Promise<ReportRecord> {
  const { status, stdout, stderr } = await command.finished();
  assert.equal(status, 0, stderr);
  const report: ReportRecord = JSON.parse(stdout);
  for (const session of report.sessions) assert.deepEqual(session.imbalances, []);
  return report;
}

describe('--drain-timeout', () => {
  it(
    'ends who is idle, and leaves who is in a statement or a transaction until that is over',
    { timeout },
    async () => {
      const proxy = await started('--drain-timeout', '30');
      const [idle, working, asking] = [await connect(proxy), await connect(proxy), await connect(proxy)];
      const ends = [endOf(idle), endOf(working), endOf(asking)];
      await working.query('begin');
      const asked = asking.query<{ done: string }>(`select pg_sleep(0.7), 'done' as done`);
      await until(async () => {
        const [row] = (
          await working.query<{ n: string }>(
            "select count(*) n from pg_stat_activity where wait_event = 'PgSleep'",
          )
        ).rows;
        return row?.n === '1';
      }, 'the statement');
      proxy.command.kill('SIGTERM');
      assert.equal(await ends[0], '57P01');
      await assert.rejects(connectTo({ host: '127.0.0.1', port: proxy.port }), { code: 'ECONNREFUSED' });
      assert.equal((await working.query('select 1')).rowCount, 1);
      assert.equal((await asked).rows[0]?.done, 'done');
      assert.equal(await ends[2], '57P01');
      assert.equal((await working.query('select 2')).rowCount, 1);
      await working.query('commit');
      assert.equal(await ends[1], '57P01');
      const report = await reportOf(proxy);
      assert.deepEqual(
        report.sessions.map(({ end_reason }) => end_reason),
        ['shutdown', 'shutdown', 'shutdown'],
      );
      const outcomes = report.sessions.flatMap(({ statements }) => statements.map(({ outcome }) => outcome));
      assert.ok(
        outcomes.every((outcome) => outcome === 'ok'),
        outcomes.join(),
      );
    },
  );

  it('ends who is not done in time', { timeout }, async () => {
    const proxy = await started('--drain-timeout', '0.3');
    const working = await connect(proxy);
    const end = endOf(working);
    await working.query('begin');
    proxy.command.kill('SIGTERM');
    assert.equal(await end, '57P01');
    await reportOf(proxy);
    assert.match(proxy.command.stderr, /1 sessions were not done after 0\.\d+ s, and are ended/);
  });

  it('is over at a second signal', { timeout }, async () => {
    const proxy = await started('--drain-timeout', '600');
    const working = await connect(proxy);
    const end = endOf(working);
    await working.query('begin');
    proxy.command.kill('SIGTERM');
    await proxy.command.until('stderr', /draining: 1 sessions, for 600 s at most/);
    proxy.command.kill('SIGTERM');
    assert.equal(await end, '57P01');
    await reportOf(proxy);
  });

  it('has /readyz say no meanwhile, while /healthz says yes', { timeout }, async () => {
    const port = await freePort();
    const proxy = await started('--drain-timeout', '600', '--http', `127.0.0.1:${port}`);
    const statusOf = async (path: string): Promise<number> =>
      (await fetch(`http://127.0.0.1:${port}${path}`)).status;
    const working = await connect(proxy);
    await working.query('begin');
    assert.equal(await statusOf('/readyz'), 200);
    proxy.command.kill('SIGTERM');
    await proxy.command.until('stderr', /draining/);
    assert.deepEqual([await statusOf('/readyz'), await statusOf('/healthz')], [503, 200]);
    const end = endOf(working);
    await working.query('commit');
    assert.equal(await end, '57P01');
    await reportOf(proxy);
  });

  it('lets no transaction of pgbench be cut off', { timeout, skip: debianMissing }, async () => {
    const direct = libpqEnvironment(server);
    await succeed(debianProgram('pgbench'), ['-i', '-q', '-s', '1'], { env: direct });
    const proxy = await started('--drain-timeout', '30');
    const { finished } = start(debianProgram('pgbench'), ['-n', '-c', '7', '-T', '60', '-N'], {
      env: libpqEnvironment({ host: '127.0.0.1', port: proxy.port }),
    });
    const client = await connectAs(server);
    const rows = async (): Promise<number> =>
      Number((await client.query<{ n: string }>('select count(*) n from pgbench_history')).rows[0]?.n);
    await until(async () => (await rows()) > 97, 'some transactions');
    proxy.command.kill('SIGTERM');
    await finished;
    const report = await reportOf(proxy);
    assert.ok(
      report.statements.every(
        ({ outcomes }) => outcomes.ok === outcomes.ok + outcomes.aborted + outcomes.error,
      ),
    );
    const committed = report.statements.find(({ query }) => query === 'end')?.calls;
    assert.equal(committed, await rows());
    assert.ok(
      report.sessions.every(({ end_reason }) => end_reason === 'shutdown' || end_reason === 'terminate'),
    );
  });
});
