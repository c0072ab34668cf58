import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { at, keysOf, textsOf } from './at.ts';
import { readDockerfile, restsOf, root } from './dockerfile.ts';
import { flagOfVariable, proxyFlags } from './proxy_help.ts';

const file: unknown = parse(readFileSync(path.join(root, 'docker-compose.yml'), 'utf8'));
const postgres = (...keys: string[]): unknown => at(file, 'services', 'postgres', ...keys);
const pgnetflow = (...keys: string[]): unknown => at(file, 'services', 'pgnetflow', ...keys);

describe('docker-compose.yml', () => {
  it('holds PostgreSQL, pinned to a major version, and pgnetflow, built from here', () => {
    assert.deepEqual(keysOf(at(file, 'services')), ['pgnetflow', 'postgres']);
    assert.match(String(postgres('image')), /^postgres:\d+$/);
    assert.equal(pgnetflow('build'), '.');
  });

  it('lets nobody around pgnetflow: PostgreSQL publishes no port', () => {
    assert.equal(postgres('ports'), undefined);
  });

  it('publishes pgnetflow on loopback only, at the port that the image exposes', () => {
    const [exposed] = restsOf(readDockerfile(), 'EXPOSE');
    assert.deepEqual(pgnetflow('ports'), [`127.0.0.1:\${PGNETFLOW_PORT:-${exposed}}:${exposed}`]);
  });

  it('starts pgnetflow when PostgreSQL answers over TCP, and stops it first', () => {
    assert.deepEqual(pgnetflow('depends_on'), { postgres: { condition: 'service_healthy' } });
    const test = textsOf(postgres('healthcheck', 'test'));
    assert.deepEqual(test.slice(0, 2), ['CMD', 'pg_isready']);
    assert.ok(test.includes('--host=127.0.0.1'));
  });

  it('forwards to the PostgreSQL service, with flags and variables that pgnetflow has', () => {
    const command = textsOf(pgnetflow('command'));
    assert.equal(command[0], 'proxy');
    assert.equal(command[command.indexOf('--upstream') + 1], 'postgres:5432');
    const used = command.filter((word) => word.startsWith('--')).map((word) => word.slice(2));
    const flags = proxyFlags();
    for (const flag of [...used, ...keysOf(pgnetflow('environment')).map(flagOfVariable)]) {
      assert.ok(flags.has(flag), `--${flag}`);
    }
  });

  it('gives pgnetflow no privileges and one folder to write to, which the image has', () => {
    assert.equal(pgnetflow('read_only'), true);
    assert.deepEqual(pgnetflow('cap_drop'), ['ALL']);
    assert.deepEqual(pgnetflow('security_opt'), ['no-new-privileges:true']);
    assert.equal(pgnetflow('user'), undefined);
    const [volume = '', ...others] = textsOf(pgnetflow('volumes'));
    assert.deepEqual(others, []);
    const folder = volume.replace(/^reports:/, ' ');
    assert.ok(
      restsOf(readDockerfile(), 'RUN').some((command) => command.endsWith(folder)),
      volume,
    );
  });

  it('keeps the data in a volume, where PostgreSQL 18 and later look for it', () => {
    assert.deepEqual(keysOf(at(file, 'volumes')), ['postgres', 'reports']);
    assert.deepEqual(postgres('volumes'), ['postgres:/var/lib/postgresql']);
  });

  it('has a trial password that can be replaced', () => {
    assert.match(String(postgres('environment', 'POSTGRES_PASSWORD')), /^\$\{POSTGRES_PASSWORD:-\w+\}$/);
  });
});
