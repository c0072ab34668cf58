import { LISTENER_SETTINGS } from './listener_settings.ts';
import { CONFIG_SETTING, PROXY_SETTINGS } from './proxy_settings.ts';
import { type Kind, type Setting, type Unit, environmentName } from './setting.ts';

const UNITS: Readonly<Record<Unit, string>> = {
  bytes: 'bytes',
  seconds: 'seconds, may have decimals',
  statements: 'statements',
  sessions: 'sessions',
  fingerprints: 'fingerprints',
  threads: 'threads, or `auto`',
  rows: 'rows',
  rounds: 'rounds',
  sql: 'SQL',
  connections: 'connections',
  cancels: 'cancel requests',
  address: 'address',
  network: 'address or network',
  file: 'path of a file',
  name: 'one of the names',
  token: 'text',
  none: '`true` or `false`',
};

/** `docs/configuration.md`, made from the table of settings. */
export function configurationDocument(): string {
  const rows = Object.entries(PROXY_SETTINGS).map(([name, setting]) => row(name, setting, `\`${name}\``));
  const ofListener = Object.keys(LISTENER_SETTINGS)
    .map((name) => `\`${name}\``)
    .join(', ');
  return `# Configuration

<!-- Made by \`npm run docs\` from src/settings/proxy_settings.ts. -->

Every setting of \`pgnetflow proxy\` can be given as a flag, as an environment variable, or in a YAML file named by
\`--config\`. A flag comes before the variable, the variable before the file, the file before the default. A variable
that is empty counts as not set. An unknown flag or key is an error that names the nearest right one; variables that
pgnetflow does not know are left alone.

| flag | what it does | unit | default | environment | key in the file |
| --- | --- | --- | --- | --- | --- |
${[...rows, row('config', CONFIG_SETTING, '–')].join('\n')}

\`listen\` and \`proxy-protocol-from\` may have several values: repeat the flag, separate them by commas in the variable,
write a list in the file.

\`\`\`yaml
listen: [127.0.0.1:6432, /var/run/pgnetflow/.s.PGSQL.6432]
upstream: /var/run/postgresql
report: json
report-file: /var/log/pgnetflow/report.json
statement-log: /var/log/pgnetflow/statements.ndjson
max-query-bytes: 1024
\`\`\`

## Several servers

One pgnetflow can stand before several servers. The key \`listeners\` of the file pairs addresses with a server, an entry
for each; it has neither flag nor variable ([example](listeners.example.yaml)).

\`\`\`yaml
listeners:
  - {listen: 127.0.0.1:6432, upstream: db1}
  - {listen: [127.0.0.1:6433, /run/pgnetflow/.s.PGSQL.6433], upstream: db2, upstream-tls: verify-full}
\`\`\`

An entry may hold ${ofListener}; all else holds for all listeners and stands at the top level. What an entry leaves
out comes from there: from the flag, or else the variable, or else the top level of the file, or else the default. So
\`--upstream\` is then the server of the entries that name none. Exceptions, so that only what belongs together comes
together:

- a certificate and its key come from the same place;
- with \`client-tls: disable\` an entry takes no \`tls-cert\`, \`tls-key\` and \`tls-ca\` from the top level, with
  \`upstream-tls: disable\` none of the settings that begin with \`upstream-\` but \`upstream\` itself, and with
  \`client-tls: passthrough\` neither the ones nor the others;
- one entry may leave \`listen\` out. A \`listen\` at the top level that every entry has one of its own for is refused, for
  nobody would listen there. In the [Docker image](docker.md), which sets \`PGNETFLOW_LISTEN\`, let one entry leave it out,
  or set the variable to nothing.

Two entries on one address are refused. The proxy starts with all listeners or with none, and says in a line for each
where it listens and where it forwards to. SIGHUP reads the certificates of all again; one whose files cannot be used
keeps its old ones and does not hold the others up.

A cancel request goes to the server of the listener at which it came in, over TLS if that server is spoken to in TLS.
Its key is looked up among the sessions of that server only, for two servers may give out the same. A server that is gone
refuses its own clients. But the limits (\`max-connections\`, \`max-cancels\`) are those of the whole proxy: a server that
lets connections hang holds up to \`connect-timeout\` of them. The report names \`listener\` and \`upstream\` of each session
and cancel request.

## Addresses

Of a \`postgres://\` URL the host and the port count (\`?host=\` and \`?port=\` too). User, password, database and other
parameters are ignored: pgnetflow logs in nowhere, clients log in through it.

## Behind a load balancer

A balancer such as HAProxy (\`send-proxy\`, \`send-proxy-v2\`) can say for whom it connects. Name its addresses with
\`--proxy-protocol-from\`: then \`client\` in the report is the real client, and \`via\` the balancer. A connection from
there without such a header is refused, for nobody could tell whom it is made for; a header from any other address is
refused, too, for anybody could write one. A balancer's own connections (health checks, \`LOCAL\` or \`UNKNOWN\`) keep its
address. The header is not passed on to PostgreSQL.

## Standard output

Standard output takes text for people (\`--live\`, \`--report text\`), or one machine-readable thing; pgnetflow refuses to
mix them and names the way out. When nobody reads standard output any more, sessions go on, and what would have been
printed is counted in the log.

Report files and statement logs are readable by their owner only when pgnetflow makes them, for SQL texts hold data; a
report that replaces a file keeps that file's mode, and its owner and group as far as the user may give files away. A
report is written beside its file and renamed over it, so a reader finds the old report or the new one. Symbolic links are
followed, and a FIFO or device is written to directly. If it cannot be written, it goes to standard output and the exit status is 1.

Statement log and trace are appended to, and always begin on a line of their own: half a line that a killed process or a
full disk has left stays what it is, and spoils no other.

## Signals

| signal | effect |
| --- | --- |
| SIGINT, SIGTERM | stop, write the report with the sessions that are still open, then what still waits for the other outputs, end with status 0. With \`--drain-timeout\`, SIGTERM first stops listening and lets each session go on until it is idle outside of a transaction, where it ends with the error 57P01; COPYs, replication streams and sessions that are relayed unread go on until that time is over; a second signal ends them at once |
| a second one | end with status 1 as soon as the report is written: wait neither for the kernel helper nor for other outputs, and for whoever reads the report no more than 2 seconds |
| a third one | end at once with status 1 |
| SIGUSR1 | write the report and go on; one that comes during the start is answered as soon as the proxy listens |
| SIGHUP | reopen the statement log and the trace, read certificates and keys again (new ones that cannot be used leave the old in place). With none of these files: the same as SIGTERM if standard input or standard error was a terminal at the start, for that has gone; otherwise nothing but a line in the log |

At the end the report comes first, on standard output behind what waits for that already. An output that then takes
nothing for 3 seconds (a pipe whose reader has stopped) is given up; how much of it is lost is said on standard error, and
the exit status is 1. The report itself is waited for.

Exit status: 0 fine, 1 failed, 2 wrong usage.
`;
}

function row(name: string, setting: Setting<unknown> & { readonly kind: Kind }, key: string): string {
  const flag = setting.placeholder === '' ? `\`--${name}\`` : `\`--${name} ${setting.placeholder}\``;
  const byDefault =
    setting.default === null ? (setting.kind === 'required' ? 'required' : '–') : `\`${setting.default}\``;
  const describe = setting.describe.replaceAll('|', '\\|').replaceAll('*', '\\*');
  return `| ${[flag, describe, UNITS[setting.unit], byDefault, `\`${environmentName(name)}\``, key].join(' | ')} |`;
}
