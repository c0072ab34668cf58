import { once } from 'node:events';
import { appendFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { give } from './copy.ts';
import type { ServerDirectory } from './directory.ts';
import { EmbeddedPostgresError } from './error.ts';
import { lastLines } from './log.ts';

/** The name of a server's data directory inside its own directory. */
export const DATA = 'data';

/** How a new database cluster differs from initdb's defaults. */
export interface ClusterOptions {
  /** Lines of postgresql.conf, unquoted: `{ max_connections: '20' }`. They win over the launcher's own. */
  settings?: Readonly<Record<string, string>>;
  /** The whole of pg_hba.conf. Default: everyone is trusted. */
  hba?: string;
  /** More files of the data directory, by name (`server.key`), readable by the server only. */
  files?: Readonly<Record<string, string>>;
}

/**
 * Runs initdb: superuser `postgres`, UTF8, locale C, no fsync. About a second.
 *
 * Throws EmbeddedPostgresError `POSTGRES_INITDB_FAILED`.
 */
export async function createCluster(
  directory: ServerDirectory,
  bin: string,
  options: ClusterOptions,
): Promise<void> {
  const data = path.join(directory.path, DATA);
  const args = [
    '--pgdata',
    data,
    '--username=postgres',
    '--auth=trust',
    '--encoding=UTF8',
    '--locale=C',
    '--no-sync',
  ];
  const initdb = directory.spawn('initdb.log', path.join(bin, 'initdb'), args);
  await once(initdb, 'exit');
  if (initdb.exitCode !== 0) {
    const output = await lastLines(path.join(directory.path, 'initdb.log'));
    throw new EmbeddedPostgresError('POSTGRES_INITDB_FAILED', `initdb of ${bin} failed:\n${output}`);
  }

  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: directory.path,
    fsync: 'off', // whoever removes the data at the end need not save it from a power failure
    ...options.settings,
  };
  await appendFile(path.join(data, 'postgresql.conf'), Object.entries(settings).map(line).join(''));
  if (options.hba !== undefined) await writeFile(path.join(data, 'pg_hba.conf'), options.hba);
  for (const [name, content] of Object.entries(options.files ?? {})) {
    const file = path.join(data, name);
    await writeFile(file, content, { mode: 0o600 });
    await give(directory.identity, file);
  }
}

/** In postgresql.conf a quoted value knows backslash escapes, and a quote is doubled. */
function line([name, value]: [string, string]): string {
  return `${name} = '${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'\n`;
}
