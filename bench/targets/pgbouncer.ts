import path from 'node:path';
import type { Relay } from './target.ts';

/** PgBouncer keeps its connections to the server open between sessions, so only its first ones pay for a backend. */
export const pgbouncer: Relay = variant('pgbouncer', 'session pooling', '');
export const pgbouncerLargeBuffer: Relay = variant(
  'pgbouncer-64k',
  'session pooling, pkt_buf=65536',
  'pkt_buf = 65536',
);

function variant(name: string, about: string, setting: string): Relay {
  return {
    name,
    about,
    program: 'pgbouncer',
    debianPackage: 'pgbouncer',
    refusesRoot: true,
    files: (listen, upstream) => ({
      [`${name}.users`]: '"postgres" ""\n',
      [`${name}.ini`]: `[databases]
* = host=${upstream.host} port=${upstream.port}
[pgbouncer]
listen_addr = ${listen.host}
listen_port = ${listen.port}
unix_socket_dir =
auth_type = trust
auth_file = ${name}.users
pool_mode = session
default_pool_size = 64
log_connections = 0
log_disconnections = 0
${setting}
`,
    }),
    args: (_listen, _upstream, directory) => [path.join(directory, `${name}.ini`)],
  };
}
