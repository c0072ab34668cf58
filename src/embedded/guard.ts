import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import os from 'node:os';
import { text } from 'node:stream/consumers';
import { EmbeddedPostgresError } from './error.ts';
import { type Identity, serverEnvironment } from './identity.ts';

/**
 * The guard: a small shell process that owns a server's directory and outlives us, however we end.
 *
 *     we ──── stdin: pids ───▶ guard     end of file here: we are gone   → stop the last pid
 *     we and every server process ── fd 3 ──▶ guard     end of file here: all are gone → remove the directory
 *
 * The kernel closes both pipes on SIGKILL too, so there is one way of cleaning up, and an ordinary stop takes it as
 * well. Nothing is polled, and the directory is never removed under a process that still writes to it.
 *
 * Its arguments are the candidates for the parent directory. It makes the directory itself, so there is no moment at
 * which the directory exists unguarded, and prints its path. Signals meant for us (Ctrl-C, a service that is stopped)
 * must not end it early; SIGPIPE comes if we are gone before the path is printed.
 */
const guardScript = `
trap '' HUP INT TERM PIPE
for parent do directory=$(mktemp -d "$parent/pgnetflow-XXXXXX") && break; done
[ -d "$directory" ] || exit 1
echo "$directory"
exec >/dev/null
while read -r pid; do server=$pid; done
[ -n "$server" ] && kill -QUIT "$server"
cat <&3
rm -rf -- "$directory"
`;

export interface Guard {
  readonly process: ChildProcess;
  readonly directory: string;
  /** To be held by us alone: its end is our end. Takes a pid per line, an empty line for none. */
  readonly owner: Socket;
  /** To be held by everyone who uses the directory. */
  readonly everyone: Socket;
}

/** What `struct sockaddr_un` holds on macOS, where it is shorter: 104 bytes with the final zero. */
const SOCKET_PATH_MAX = 103;
const LONGEST_NAME = '/pgnetflow-XXXXXX/.s.PGSQL.65535';

/**
 * Starts a guard as the server's user; it does not keep this process running.
 *
 * Throws EmbeddedPostgresError `POSTGRES_NO_DIRECTORY`, or `POSTGRES_NOT_RUNNABLE` when no process can be started.
 */
export async function startGuard(identity: Identity): Promise<Guard> {
  // The user's TMPDIR may be closed to the server's user, or its path too long for a socket.
  const parents = [os.tmpdir(), '/tmp', '/var/tmp'];
  const fitting = parents.filter((parent) => Buffer.byteLength(parent + LONGEST_NAME) <= SOCKET_PATH_MAX);
  const process = await spawnShell(identity, fitting);
  const [owner, output, , everyone] = process.stdio.map(asSocket);
  const directory = output === undefined ? '' : (await text(output)).trim();
  if (owner === undefined || everyone === undefined || directory === '') {
    const message = `no temporary directory for a PostgreSQL server in ${parents.join(', ')}`;
    throw new EmbeddedPostgresError('POSTGRES_NO_DIRECTORY', message);
  }
  process.unref();
  for (const pipe of [owner, everyone]) {
    pipe.unref();
    pipe.on('error', () => undefined); // somebody killed the guard: remove() does its work then
  }
  return { process, directory, owner, everyone };
}

async function spawnShell(identity: Identity, parents: readonly string[]): Promise<ChildProcess> {
  try {
    const shell = spawn('/bin/sh', ['-c', guardScript, 'pgnetflow-guard', ...parents], {
      ...identity,
      cwd: '/',
      env: serverEnvironment(),
      detached: true, // its own session: a Ctrl-C at the terminal is for us, not for the guard
      stdio: ['pipe', 'pipe', 'ignore', 'pipe'],
    });
    await once(shell, 'spawn');
    return shell;
  } catch (cause) {
    const message = `cannot start a process for PostgreSQL's user (uid ${identity.uid ?? 'unchanged'})`;
    throw new EmbeddedPostgresError('POSTGRES_NOT_RUNNABLE', message, { cause });
  }
}

/** Node makes every `pipe` of a child a socket, and tells TypeScript less. */
function asSocket(stream: unknown): Socket | undefined {
  return stream instanceof Socket ? stream : undefined;
}
