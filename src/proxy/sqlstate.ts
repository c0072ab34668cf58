/** SQLSTATEs of the errors that pgnetflow reports itself (appendix A of the PostgreSQL manual). */
export const SQLSTATE = {
  protocolViolation: '08P01',
  featureNotSupported: '0A000',
  invalidAuthorization: '28000',
  tooManyConnections: '53300',
  adminShutdown: '57P01',
  /**
   * There is no server behind pgnetflow. It is the one code that libpq (`PQping`, `pg_isready`, lists of hosts) does not take
   * for the sign of life of a server: internal_ping and PQconnectPoll of src/interfaces/libpq/fe-connect.c.
   */
  cannotConnectNow: '57P03',
} as const;

export type Sqlstate = (typeof SQLSTATE)[keyof typeof SQLSTATE];
