/** Where to listen, or where PostgreSQL listens: a TCP host and port, or the path of a Unix-domain socket. */
export type Address = { readonly host: string; readonly port: number } | { readonly path: string };

/** An address as people write it: `127.0.0.1:5432`, `[::1]:5432`, `/run/postgresql/.s.PGSQL.5432`. */
export function formatAddress(address: Address): string {
  if ('path' in address) return address.path;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
