import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { libpqEnvironment, succeed, type Target, temporaryDirectory } from '../support/programs.ts';
import { proxyBefore } from '../support/running_proxy.ts';
import { embeddedServer } from '../support/servers.ts';

/** Where Debian has the sources of Go packages. */
const GOPATH = '/usr/share/gocode';
const SOURCE = path.join(import.meta.dirname, '..', '..', '..', 'test', 'clients', 'drivers.go');

/** The reason to skip, or false. */
function missing(): string | false {
  for (const [driver, name] of [
    ['github.com/jackc/pgx/v4', 'golang-github-jackc-pgx-v4-dev'],
    ['github.com/lib/pq', 'golang-github-lib-pq-dev'],
  ] as const) {
    const sources = path.join(GOPATH, 'src', driver);
    if (!existsSync(sources)) return `Debian's package ${name} is not installed (${sources})`;
  }
  return spawnSync('go', ['version']).status !== 0 && 'no Go compiler (go)';
}

const skip = missing();
const server = skip === false ? await embeddedServer() : null;
const program = skip === false ? build() : '';

function build(): string {
  const directory = temporaryDirectory();
  const binary = path.join(directory, 'drivers');
  const env = {
    ...process.env,
    GOPATH,
    GO111MODULE: 'off',
    GOFLAGS: '',
    CGO_ENABLED: '0',
    GOCACHE: path.join(directory, 'cache'),
  };
  execFileSync('go', ['build', '-o', binary, SOURCE], { env, stdio: 'inherit' });
  return binary;
}

describe("Go's drivers pgx and lib/pq", { skip }, () => {
  async function drive(target: Target): Promise<string> {
    const url = `postgres://postgres@${target.host}:${target.port}/postgres?sslmode=disable`;
    return succeed(program, [url], { env: libpqEnvironment(target) });
  }

  it('pipeline, copy, cancel and listen as they do without the proxy', async () => {
    assert.ok(server !== null);
    const running = await proxyBefore(server);
    const through = await drive(running);
    assert.equal(through, await drive(server));
    assert.equal(through.split('\n').length, 11);
    const { sessions, cancels } = await running.settled();
    const statements = sessions.flatMap((session) => session.statements);
    const of = (query: RegExp) => statements.filter((statement) => query.test(statement.query ?? ''));
    const executed = (query: RegExp) => of(query).filter(({ kind }) => kind === 'execute');
    const inserted = executed(/^insert into t values \(\$1, \$2\)/);
    assert.equal(inserted.length, 23);
    assert.ok(inserted.every(({ outcome, rows }) => outcome === 'ok' && rows === 1));
    assert.deepEqual(
      executed(/^(select [13]$|insert .*'again')/).map(({ query, outcome, sqlstate }) => [
        query?.slice(0, 8),
        sqlstate ?? outcome,
      ]),
      [
        ['select 1', 'ok'],
        ['insert i', '23505'],
        ['select 3', 'aborted'],
      ],
    );
    assert.equal(executed(/^select text from t/).length, 23);
    assert.deepEqual(
      statements
        .filter(({ kind }) => kind.startsWith('copy'))
        .map(({ kind, rows, outcome }) => [kind, rows, outcome]),
      [
        ['copy_in', 997, 'ok'],
        ['copy_out', 1020, 'ok'],
        ['copy_in', 997, 'ok'],
      ],
    );
    assert.deepEqual(
      of(/pg_sleep/).map(({ sqlstate }) => sqlstate),
      ['57014', '57014'],
    );
    assert.deepEqual(
      cancels.map(({ outcome }) => outcome),
      ['cancelled', 'cancelled'],
    );
    for (const { accounts } of sessions) assert.deepEqual([accounts.opaque.R, accounts.opaque.S], [0, 0]);
  });
});
