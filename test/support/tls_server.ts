// A real PostgreSQL that speaks TLS.
import pg from 'pg';
import type { PostgresOptions } from '../../src/embedded/postgres.ts';
import type { Authority, Certificate } from './certificates.ts';

/** What a certificate of this machine is for. */
export const LOCAL_NAMES = ['DNS:localhost', 'IP:127.0.0.1'];

/** What a server needs for TLS; it accepts certificates of clients that the authority has signed. */
export function withTls(authority: Authority, certificate: Certificate): PostgresOptions {
  return {
    files: { 'server.crt': certificate.cert, 'server.key': certificate.key, 'root.crt': authority.cert },
    settings: { ssl: 'on', ssl_ca_file: 'root.crt' },
  };
}

/** A real client in the clear, or over TLS with whom this authority vouches for. */
export async function enter(port: number, authority: Authority | null): Promise<pg.Client> {
  const client = new pg.Client({
    host: 'localhost',
    port,
    user: 'postgres',
    database: 'postgres',
    ...(authority !== null && { ssl: { ca: authority.cert } }),
  });
  await client.connect();
  return client;
}
