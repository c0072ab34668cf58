/** SQLSTATEs of the errors that pgnetflow reports itself (appendix A of the PostgreSQL manual). */
export const SQLSTATE = {
  cannotConnect: '08001',
  connectionFailure: '08006',
  protocolViolation: '08P01',
  invalidAuthorization: '28000',
  tooManyConnections: '53300',
  adminShutdown: '57P01',
} as const;

export type Sqlstate = (typeof SQLSTATE)[keyof typeof SQLSTATE];
