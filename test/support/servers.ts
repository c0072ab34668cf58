// Real PostgreSQL servers for tests. Each is stopped when the file, suite or test that started it ends; start one per
// test file: `const server = await embeddedServer()`.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { after } from 'node:test';
import { type PostgresOptions, type PostgresServer, startPostgres } from '../../src/embedded/postgres.ts';

const DEBIAN = '/usr/lib/postgresql';

/** The PostgreSQL of the npm package. */
export async function embeddedServer(options: PostgresOptions = {}): Promise<PostgresServer> {
  const server = await startPostgres(options);
  after(() => server.stop('immediate'));
  return server;
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
