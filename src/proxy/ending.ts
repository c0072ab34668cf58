import type { RelayEnd } from '../relay/relay.ts';
import type { Violation } from '../session/direction.ts';
import type { EndReason, Session } from '../session/session.ts';
import type { ErrorFields } from '../wire/backend_bodies.ts';
import { SQLSTATE } from './sqlstate.ts';

/** Why a session with a server ended, in one word. */
export function endReason(session: Session, end: RelayEnd): EndReason {
  if (session.loginFailed) return 'login_failed';
  if (session.terminated) return 'terminate';
  if (end.error !== null) return 'aborted';
  return end.by === 'client' ? 'client_closed' : 'server_closed';
}

/** What the word leaves open; null when it says all. */
export function endDetail(session: Session, end: RelayEnd): string | null {
  const { lastError } = session.facts;
  // Whoever closed first: this is why.
  if (lastError !== null && (session.loginFailed || isFatal(lastError))) {
    return `${lastError.severity} ${lastError.sqlstate}: ${lastError.message}`;
  }
  const found: string[] = [];
  if (session.violation !== null)
    found.push(`${violationText(session.violation)}, and was not read from there on`);
  if (end.error !== null) found.push(`${end.by} connection: ${end.error.message}`);
  else if (session.loggingIn && end.by === 'server')
    found.push(
      `the server closed the connection ${session.replyIncomplete ? 'in the middle of a message, ' : ''}before the log-in was complete`,
    );
  else if (session.busy && !session.starting)
    found.push(`the ${end.by} closed the connection before all was answered`);
  return found.length > 0 ? found.join('; ') : null;
}

/** What was wrong with a message. */
export function violationText({ from, type, length }: Violation): string {
  return `the ${from} sent a message of type ${JSON.stringify(String.fromCharCode(type))} with the impossible length ${length}`;
}

function isFatal({ severity }: ErrorFields): boolean {
  return severity === 'FATAL' || severity === 'PANIC';
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
