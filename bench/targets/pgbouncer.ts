import path from 'node:path';
import type { Relay, RelayPlan } from './target.ts';

/** By default it would speak TLS with a server that has it. */
const PLAIN = 'server_tls_sslmode = disable';

/** PgBouncer keeps its connections to the server open between sessions, so only its first ones pay for a backend. */
export const pgbouncer: Relay = variant('pgbouncer', 'session pooling', () => PLAIN);
export const pgbouncerLargeBuffer: Relay = variant(
  'pgbouncer-64k',
  'session pooling, pkt_buf=65536',
  () => `pkt_buf = 65536\n${PLAIN}`,
);
export const pgbouncerTls: Relay = {
  ...variant(
    'pgbouncer-tls',
    'session pooling, TLS on both legs',
    ({ certificate }) => `client_tls_sslmode = require
client_tls_cert_file = ${certificate?.certFile}
client_tls_key_file = ${certificate?.keyFile}
server_tls_sslmode = require`,
  ),
  tls: { client: true, server: true },
};

function variant(name: string, about: string, settings: (plan: RelayPlan) => string): Relay {
  return {
    name,
    about,
    program: 'pgbouncer',
    debianPackage: 'pgbouncer',
    refusesRoot: true,
    files: (plan) => ({
      [`${name}.users`]: '"postgres" ""\n',
      [`${name}.ini`]: `[databases]
* = host=${plan.upstream.host} port=${plan.upstream.port}
[pgbouncer]
listen_addr = ${plan.listen.host}
listen_port = ${plan.listen.port}
unix_socket_dir =
auth_type = trust
auth_file = ${name}.users
pool_mode = session
default_pool_size = 64
log_connections = 0
log_disconnections = 0
${settings(plan)}
`,
    }),
    args: ({ directory }) => [path.join(directory, `${name}.ini`)],
  };
}
