// Tells whether a session through a running pgnetflow reaches PostgreSQL: `node scripts/healthcheck.js [ADDRESS]`.
//
// It opens a session as psql would and leaves once the server has answered, before a password is due: none is
// needed, and PostgreSQL logs nothing about a client that leaves when it is asked for one. SSLRequest would ask less: pgnetflow
// answers it alone, also when the server is gone.
//
// ADDRESS is an address as --listen takes it. Default: the first one of PGNETFLOW_LISTEN, or 127.0.0.1:6432.
// PGUSER and PGDATABASE, as for psql, name the session's user and database. Default: postgres, and the user's name.
// Exit code: 0 healthy, 1 unhealthy; one line on standard output says why. In the report, these are the sessions with
// the application_name pgnetflow_healthcheck.
import net from 'node:net';

const TIMEOUT_MS = 4000;
const PROTOCOL_3_0 = 0x0003_0000;

const [first] = (process.env.PGNETFLOW_LISTEN ?? '').split(',');
const address = process.argv[2] || first.trim() || '127.0.0.1:6432';

let received = Buffer.alloc(0);

const socket = net.connect(endpoint(address), () => socket.write(startupMessage()));
const timer = setTimeout(() => {
  conclude(false, `no answer within ${TIMEOUT_MS / 1000} s`);
  socket.destroy();
}, TIMEOUT_MS);
socket.on('data', (chunk) => {
  if (isConcluded()) return;
  received = Buffer.concat([received, chunk]);
  const verdict = readAnswer(received);
  if (verdict === null) return;
  conclude(verdict.healthy, verdict.why);
  // Half-close and read on until the other side closes too: leaving with bytes unread would look like an abort.
  socket.end();
});
socket.on('end', () => conclude(false, 'the connection was closed before there was an answer'));
socket.on('error', (error) => conclude(false, error.message));
socket.on('close', () => clearTimeout(timer));

/** The first verdict counts. */
function conclude(healthy, why) {
  if (isConcluded()) return;
  process.exitCode = healthy ? 0 : 1;
  process.stdout.write(`${healthy ? 'healthy' : 'unhealthy'}: ${address}: ${why}\n`);
}

function isConcluded() {
  return process.exitCode !== undefined;
}

/** What the first message says, or null while it is incomplete. */
function readAnswer(bytes) {
  const type = String.fromCharCode(bytes[0]);
  if (type === 'R') return { healthy: true, why: 'PostgreSQL answers' };
  if (type !== 'E') return { healthy: false, why: 'the answer is not that of PostgreSQL' };
  if (bytes.length < 5 || bytes.length < 1 + bytes.readInt32BE(1)) return null;
  const fields = bytes.toString('utf8', 5).split('\0');
  const field = (code) => fields.find((text) => text.startsWith(code))?.slice(1) ?? '';
  // 57P03 and its like: pgnetflow could not reach the server, or that starts up or shuts down. Class 08: the connection failed. Any other refusal (no such user, too many connections) comes from a server that is there and answers.
  const healthy = !/^(?:08|57)/.test(field('C'));
  return { healthy, why: `${field('C')} ${field('M')}` };
}

function startupMessage() {
  const user = process.env.PGUSER ?? 'postgres';
  const database = process.env.PGDATABASE ?? user;
  const parameters = { user, database, application_name: 'pgnetflow_healthcheck' };
  const body = Buffer.from(`${Object.entries(parameters).flat().join('\0')}\0\0`);
  const header = Buffer.alloc(8);
  header.writeInt32BE(header.length + body.length, 0);
  header.writeInt32BE(PROTOCOL_3_0, 4);
  return Buffer.concat([header, body]);
}

/** `host:port`, `:port`, `port`, `host`, `[::1]:port`, `*:port` or the path of a Unix-domain socket. */
function endpoint(text) {
  if (text.startsWith('/')) return { path: text };
  const [, host, port] = /^(?:(.*):)?(\d+)$/.exec(text) ?? [null, text, '6432'];
  const anywhere = host === undefined || host === '' || host === '*';
  return { host: anywhere ? '127.0.0.1' : host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) };
}
