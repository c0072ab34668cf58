import pg from 'pg';
import type { ClientAddress } from '../demo/client.ts';
import type { Address } from '../relay/address.ts';

/** The user's server: how to reach it straight, and what a proxy must know to stand before it. */
export interface UserServer {
  readonly direct: ClientAddress;
  readonly upstream: Address;
  /** What the connection to the server needs to be TLS; null for one in the clear. */
  readonly tls: ServerTls | null;
}

export interface ServerTls {
  /** The certificate is checked as the direct connection checks it. */
  readonly isVerified: boolean;
  /** PEM; absent: the authorities of Node. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/**
 * Reads where the server is from a `postgres://` URL and the PG… variables, as node-postgres does.
 *
 * @throws when the URL names files that cannot be read
 */
export function userServer(url: string | null): UserServer {
  // Never connected: it is asked what it has understood.
  const client = new pg.Client(url === null ? {} : { connectionString: url });
  const { host, port, user, database } = client;
  const ssl = sslOf(client);
  const password = typeof client.password === 'string' ? client.password : null;
  const direct = {
    host,
    port,
    ...(user !== undefined && { user }),
    ...(database !== undefined && { database }),
    ...(password !== null && { password }),
    ssl,
  };
  const isSocket = host.startsWith('/');
  return {
    direct,
    upstream: isSocket ? { path: `${host.replace(/\/+$/, '')}/.s.PGSQL.${port}` } : { host, port },
    tls: isSocket || ssl === false ? null : serverTls(ssl),
  };
}

/** Its type says boolean, but it may hold what the URL's sslrootcert, sslcert and sslkey named. */
function sslOf(client: pg.Client): boolean | object {
  const ssl: unknown = Reflect.get(client, 'ssl');
  return typeof ssl === 'object' && ssl !== null ? ssl : ssl === true;
}

function serverTls(ssl: true | object): ServerTls {
  if (ssl === true) return { isVerified: true };
  const text = (name: string): string | undefined => {
    const value: unknown = Reflect.get(ssl, name);
    return typeof value === 'string' || value instanceof Buffer ? value.toString() : undefined;
  };
  const [ca, cert, key] = [text('ca'), text('cert'), text('key')];
  return {
    isVerified: Reflect.get(ssl, 'rejectUnauthorized') !== false,
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}
