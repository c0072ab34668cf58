import type { Logger } from 'pino';
import { type PostgresServer, startPostgres } from '../embedded/postgres.ts';
import { type Proxy, startProxy } from '../proxy/proxy.ts';
import type { ProxyOptions } from '../proxy/options.ts';

/** Figures are to be the same on each run, and the log of a database that is thrown away is to stay small. */
const SETTINGS = {
  autovacuum: 'off',
  max_wal_size: '128MB',
  max_wal_senders: '0',
  wal_level: 'minimal',
};

/** A throw-away PostgreSQL and the proxy before it. */
export interface Laboratory {
  readonly server: PostgresServer;
  readonly proxy: Proxy;
  /** Where the proxy listens. */
  readonly port: number;
  /** Ends both; nothing is left of either. May be called again. */
  close(): Promise<void>;
}

export interface LaboratoryOptions {
  /** PostgreSQL's programs; null: those of the npm package. */
  readonly binDir: string | null;
  readonly onStatement: NonNullable<ProxyOptions['onStatement']>;
  readonly log: Logger;
}

/** @throws {EmbeddedPostgresError} when there is no PostgreSQL to start; nothing is left running then */
export async function openLaboratory(options: LaboratoryOptions): Promise<Laboratory> {
  const { binDir, onStatement, log } = options;
  const server = await startPostgres({ settings: SETTINGS, ...(binDir !== null && { binDir }) });
  try {
    const proxy = await startProxy({
      listen: [{ host: '127.0.0.1', port: 0 }],
      upstream: { host: server.host, port: server.port },
      log,
      onStatement,
    });
    const [address] = proxy.addresses;
    if (address === undefined || !('port' in address)) throw new Error('a proxy without a port');
    const close = (): Promise<void> => {
      proxy.stop();
      return server.stop('immediate');
    };
    return { server, proxy, port: address.port, close };
  } catch (error) {
    await server.stop('immediate');
    throw error;
  }
}
