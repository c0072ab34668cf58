/**
 * What can go wrong with a throw-away server. The codes are stable; the message says what to do, and holds the last
 * lines of what PostgreSQL itself printed.
 */
export type EmbeddedPostgresErrorCode =
  /** No package with PostgreSQL's programs for this platform. */
  | 'POSTGRES_NOT_INSTALLED'
  /** The programs are there, but do not run on this machine or for this user. */
  | 'POSTGRES_NOT_RUNNABLE'
  /** No temporary directory that the server's user can write to and whose path is short enough for a socket. */
  | 'POSTGRES_NO_DIRECTORY'
  /** initdb exited with an error. */
  | 'POSTGRES_INITDB_FAILED'
  /** The TCP port is in use. */
  | 'POSTGRES_PORT_TAKEN'
  /** The server exited before it accepted connections, or did not accept any in time. */
  | 'POSTGRES_START_FAILED';

export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError';
  readonly code: EmbeddedPostgresErrorCode;

  constructor(code: EmbeddedPostgresErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The `code` of an error, as Node's own have one (`EACCES`); else the empty string. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
