import { readFileSync } from 'node:fs';
import { Client } from 'pg';
import { type PostgresServer, startPostgres } from '../src/embedded/postgres.ts';
import type { CertificateFiles } from './certificate.ts';
import { copyTables } from './workloads/copy.ts';
import { pgbenchTables } from './workloads/pgbench.ts';

/** Starts a PostgreSQL that holds all tables in memory and does nothing of its own accord. */
export async function startServer(
  binDir: string | null,
  certificate: CertificateFiles | null,
): Promise<PostgresServer> {
  const server = await startPostgres({
    ...(binDir !== null && { binDir }),
    ...(certificate !== null && {
      files: {
        'server.crt': readFileSync(certificate.certFile, 'utf8'),
        'server.key': readFileSync(certificate.keyFile, 'utf8'),
      },
    }),
    settings: {
      shared_buffers: '256MB',
      max_connections: '200',
      autovacuum: 'off',
      checkpoint_timeout: '1h',
      max_wal_size: '4GB',
      jit: 'off',
      ssl: certificate === null ? 'off' : 'on',
    },
  });
  try {
    const { host, port, user, database } = server;
    const client = new Client({ host, port, user, database });
    await client.connect();
    for (const sql of [...copyTables, ...pgbenchTables(1), 'checkpoint']) await client.query(sql);
    await client.end();
    return server;
  } catch (error) {
    await server.stop('immediate');
    throw error;
  }
}
