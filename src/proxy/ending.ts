import type { RelayEnd } from '../relay/relay.ts';
import type { EndReason, Session } from '../session/session.ts';
import { SQLSTATE } from './sqlstate.ts';

/** Why a session with a server ended, in one word. */
export function endReason(session: Session, end: RelayEnd): EndReason {
  if (session.terminated) return 'terminate';
  if (end.error !== null) return 'aborted';
  return end.by === 'client' ? 'client_closed' : 'server_closed';
}

/** What the word leaves open; null when it says all. */
export function endDetail(session: Session, end: RelayEnd): string | null {
  const { lastError } = session.facts;
  // Whoever closed first: this is why.
  if (lastError?.severity === 'FATAL' || lastError?.severity === 'PANIC') {
    return `${lastError.severity} ${lastError.sqlstate}: ${lastError.message}`;
  }
  if (end.error !== null) return `${end.by} connection: ${end.error.message}`;
  return session.busy && !session.starting
    ? `the ${end.by} closed the connection before all was answered`
    : null;
}

export const BINDING_HINT =
  "the client has bound its log-in to pgnetflow's certificate, which is not the server's: use channel_binding=disable " +
  "there, or give pgnetflow the server's own certificate and key, or --client-tls passthrough";

/** Two TLS connections with different certificates cannot carry SCRAM-SHA-256-PLUS (src/backend/libpq/auth-scram.c). */
export function bindingFailed({ facts, starting, wire }: Session): boolean {
  const { lastError } = facts;
  if (!starting || lastError === null || wire.client.tls === null || wire.server.tls === null) return false;
  return lastError.sqlstate === SQLSTATE.invalidAuthorization && /channel.binding/i.test(lastError.message);
}
