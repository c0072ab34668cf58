/** The user that PostgreSQL's programs run as, in the form `child_process.spawn` takes; empty: the current user. */
export type Identity = { uid: number; gid: number } | Record<string, never>;

/** `nobody` and its group on Linux. initdb wants a user with a name, an entry in the user database. */
const UNPRIVILEGED = 65534;

/** PostgreSQL refuses to run as root, so root hands its server to an unprivileged user. */
export function serverIdentity(): Identity {
  return process.getuid?.() === 0 ? { uid: UNPRIVILEGED, gid: UNPRIVILEGED } : {};
}

/** Only these variables: a PGDATA or PGPORT of the user's shell must not reach a throw-away server. */
export function serverEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C' };
}
