// Real PostgreSQL servers for tests. Each is stopped when the file, suite or test that started it ends; start one per
// test file: `const server = await embeddedServer()`.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { after } from 'node:test';
import { type PostgresOptions, type PostgresServer, startPostgres } from '../../src/embedded/postgres.ts';

const DEBIAN = '/usr/lib/postgresql';

/** The PostgreSQL of the npm package, or the one whose programs are in the directory PGNETFLOW_TEST_SERVER. */
export async function embeddedServer(options: PostgresOptions = {}): Promise<PostgresServer> {
  const binDir = process.env['PGNETFLOW_TEST_SERVER'];
  const server = await startPostgres({ ...(binDir !== undefined && { binDir }), ...options });
  after(() => server.stop('immediate'));
  return server;
}

/** The reason to skip a test of what the server is too old for, or false. */
export function olderThan(major: number, server: PostgresServer, lacks: string): string | false {
  return Number.parseInt(server.version, 10) < major && `PostgreSQL ${server.version} has no ${lacks}`;
}

/** Debian's newest PostgreSQL. For tests with `{ skip: debianMissing }`. */
export async function debianServer(options: PostgresOptions = {}): Promise<PostgresServer> {
  return embeddedServer({ ...options, binDir: debianBinaries() });
}

/** Where Debian has psql, pgbench, pg_dump, …, of the newest version. */
export function debianBinaries(): string {
  const [newest] = debianVersions();
  if (newest === undefined) throw new Error(`no PostgreSQL in ${DEBIAN}`);
  return path.join(DEBIAN, newest, 'bin');
}

/** One of Debian's programs of PostgreSQL; by its bare name where there are none, for tests that are skipped there. */
export function debianProgram(name: string): string {
  return debianMissing === false ? path.join(debianBinaries(), name) : name;
}

/** Newest first. */
function debianVersions(): string[] {
  if (!existsSync(DEBIAN)) return [];
  const versions = readdirSync(DEBIAN).filter((name) =>
    existsSync(path.join(DEBIAN, name, 'bin', 'postgres')),
  );
  return versions.toSorted((one, other) => Number(other) - Number(one));
}

/** The reason to skip a test that needs Debian's PostgreSQL, or false. */
export const debianMissing: string | false =
  debianVersions().length === 0 && `Debian's package postgresql is not installed (${DEBIAN})`;
