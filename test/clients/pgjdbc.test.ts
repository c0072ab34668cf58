import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import type { PostgresServer } from '../../src/embedded/postgres.ts';
import { libpqEnvironment, succeed, type Target } from '../support/programs.ts';
import { proxyBefore } from '../support/running_proxy.ts';
import { embeddedServer } from '../support/servers.ts';

const DRIVER = '/usr/share/java/postgresql.jar';
const PROGRAM = path.join(import.meta.dirname, '..', '..', '..', 'test', 'clients', 'Pgjdbc.java');

/** The reason to skip, or false. */
function missing(): string | false {
  if (!existsSync(DRIVER)) return `Debian's package libpostgresql-jdbc-java is not installed (${DRIVER})`;
  return spawnSync('javac', ['-version']).status !== 0 && 'no Java compiler (javac)';
}

const skip = missing();
const server: PostgresServer | null = skip === false ? await embeddedServer() : null;

async function runJava(target: Target): Promise<string> {
  const url = `jdbc:postgresql://${target.host}:${target.port}/postgres?user=postgres&sslmode=disable`;
  return succeed('java', ['-cp', DRIVER, PROGRAM, url], { env: libpqEnvironment(target) });
}

describe('pgjdbc', { skip }, () => {
  it('runs batches, named statements, fetches and COPY as it does without the proxy', async () => {
    assert.ok(server !== null);
    const running = await proxyBefore(server);
    assert.equal(await runJava(running), await runJava(server));
    const report = await running.settled();
    const statements = report.sessions.flatMap((session) => session.statements);
    const of = (query: RegExp) => statements.filter((statement) => query.test(statement.query ?? ''));
    const batch = of(/^insert into t values \(\$1,\s?\$2\)/).filter(({ kind }) => kind === 'execute');
    assert.equal(batch.length, 997);
    assert.ok(batch.every(({ outcome, rows }) => outcome === 'ok' && rows === 1));
    assert.equal(of(/^select a from t/).filter(({ kind }) => kind === 'execute').length, 23);
    const [fetched] = of(/^select n from t/);
    assert.deepEqual([fetched?.outcome, fetched?.fetches], ['ok', 10]);
    const failed = of(/'again'/).filter(({ kind }) => kind === 'execute');
    assert.deepEqual(
      failed.map(({ outcome, sqlstate }) => sqlstate ?? outcome),
      ['23505', ...Array.from({ length: 6 }, () => 'aborted')],
    );
    assert.deepEqual(
      of(/^copy/).map(({ kind, rows, outcome }) => [kind, rows, outcome]),
      [['copy_in', 2, 'ok']],
    );
    for (const session of report.sessions) {
      assert.deepEqual([session.accounts.opaque.R, session.accounts.opaque.S], [0, 0]);
    }
  });
});
