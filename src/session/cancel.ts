import type { Endpoint } from './session.ts';

/** A cancel request on its way. Times are milliseconds of the sessions' clock. */
export interface Cancel {
  /** Session and statement that it is meant for; null when no session of ours has that key. */
  readonly session: number | null;
  readonly statement: number | null;
  readonly client: Endpoint;
  readonly requestedAt: number;
  /** When the server had closed the connection that carried it. */
  deliveredAt: number | null;
  error: string | null;
}
