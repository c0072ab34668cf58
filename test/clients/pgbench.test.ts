import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import type { ReportRecord, SessionRecord } from '../../src/report/model.ts';
import { libpqEnvironment, succeed, temporaryDirectory } from '../support/programs.ts';
import { proxyBefore } from '../support/running_proxy.ts';
import { debianProgram, debianMissing, embeddedServer } from '../support/servers.ts';

const CLIENTS = 16;
const TRANSACTIONS = 23;

const server = debianMissing === false ? await embeddedServer({ settings: { max_connections: '50' } }) : null;
const program = debianProgram('pgbench');

/** The two scripts of pgbench: how to ask for them, and their statements. */
const SCRIPTS = {
  'select only': { args: ['-S'], statements: [/^SELECT abalance/] },
  'TPC-B': {
    args: ['-b', 'tpcb-like'],
    statements: [
      /^BEGIN/,
      /^UPDATE pgbench_accounts/,
      /^SELECT abalance/,
      /^UPDATE pgbench_tellers/,
      /^UPDATE pgbench_branches/,
      /^INSERT INTO pgbench_history/,
      /^END/,
    ],
  },
} as const;

async function bench(args: readonly string[]): Promise<{ report: ReportRecord; transactions: number }> {
  assert.ok(server !== null);
  const running = await proxyBefore(server);
  const output = await succeed(
    program,
    ['-n', '-c', String(CLIENTS), '-j', '2', '-t', String(TRANSACTIONS), ...args],
    { env: libpqEnvironment(running) },
  );
  const processed = /actually processed: (\d+)\/(\d+)/.exec(output);
  assert.equal(processed?.[1], String(CLIENTS * TRANSACTIONS), output);
  assert.match(output, /failed transactions: 0 /);
  return { report: await running.settled(), transactions: Number(processed[1]) };
}

/** The sessions of the clients: pgbench looks at the tables in one of its own before. */
function clientSessions(report: ReportRecord): SessionRecord[] {
  return report.sessions.filter((session) =>
    session.statements.some(({ query }) => /pgbench_accounts WHERE aid|BEGIN/.test(query ?? '')),
  );
}

describe('pgbench', { skip: debianMissing }, () => {
  it('fills its tables: a COPY of 100,000 rows', async () => {
    assert.ok(server !== null);
    const running = await proxyBefore(server);
    await succeed(program, ['-i', '-q', '-s', '1'], { env: libpqEnvironment(running) });
    const report = await running.settled();
    const copies = report.sessions.flatMap((session) =>
      session.statements.filter((statement) => statement.kind === 'copy_in'),
    );
    assert.deepEqual(
      copies.map(({ outcome, tag, rows }) => [outcome, tag, rows]),
      [['ok', 'COPY 100000', 100_000]],
    );
  });

  for (const protocol of ['simple', 'extended', 'prepared'] as const) {
    for (const [name, script] of Object.entries(SCRIPTS)) {
      it(`ran exactly the statements that the report shows: -M ${protocol}, ${name}`, async () => {
        const { report, transactions } = await bench(['-M', protocol, ...script.args]);
        const sessions = clientSessions(report);
        assert.equal(sessions.length, CLIENTS);
        const all = sessions.flatMap((session) => session.statements);
        assert.ok(all.every((statement) => statement.outcome === 'ok'));
        const executed = all.filter((statement) => statement.kind !== 'prepare');
        assert.equal(executed.length, transactions * script.statements.length);
        for (const pattern of script.statements) {
          const matching = executed.filter(({ query }) => pattern.test(query ?? ''));
          assert.equal(matching.length, transactions, `${pattern}`);
        }
        const kind = protocol === 'simple' ? 'query' : 'execute';
        assert.ok(executed.every((statement) => statement.kind === kind));
        const prepared = protocol === 'prepared' ? CLIENTS * script.statements.length : 0;
        assert.equal(all.length - executed.length, prepared);
      });
    }
  }

  it('in pipelines, has one statement for each of their executions', async () => {
    assert.ok(server !== null);
    const running = await proxyBefore(server);
    const script = path.join(temporaryDirectory(), 'pipeline.sql');
    writeFileSync(
      script,
      `\\startpipeline\n${'select 1;\nselect 2;\n'.repeat(11)}select 3;\n\\endpipeline\n`,
    );
    const output = await succeed(
      program,
      ['-n', '-c', String(CLIENTS), '-t', String(TRANSACTIONS), '-M', 'extended', '-f', script],
      { env: libpqEnvironment(running) },
    );
    assert.match(output, new RegExp(`actually processed: ${CLIENTS * TRANSACTIONS}/`));
    const report = await running.settled();
    const executed = report.sessions
      .flatMap((session) => session.statements)
      .filter((statement) => statement.kind === 'execute');
    assert.equal(executed.length, CLIENTS * TRANSACTIONS * 23);
    assert.ok(executed.every(({ outcome, tag }) => outcome === 'ok' && tag === 'SELECT 1'));
  });
});
