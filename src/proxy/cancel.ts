import { now } from '../clock.ts';
import { dial, type DialError } from '../relay/dial.ts';
import type { Leg } from '../relay/leg.ts';
import { noTraffic } from '../session/leg_totals.ts';
import type { Cancel } from '../session/cancel.ts';
import type { Connection } from './connection.ts';
import type { CancelRequest } from './negotiation.ts';

/**
 * Forwards a CancelRequest unmodified to the server behind its listener, on a connection of its own, and holds the client's until the server has closed
 * that: a client takes the close as the sign that its next statement cannot be hit.
 *
 * @param onDone called once
 * @returns gives the request up, for the reason given
 */
export function forwardCancel(
  connection: Connection,
  request: CancelRequest,
  cancel: Pick<Cancel, 'deliveredAt' | 'error'>,
  onDone: () => void,
): (reason: string) => void {
  const { upstream, connectTimeoutMs, upstreamTls, cancelTimeoutMs } = connection.options;
  let server: Leg | null = null;
  let over = false;
  const finish = (error: string | null): void => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    giveUp();
    server?.destroy();
    cancel.error = error;
    if (error === null) cancel.deliveredAt = now();
    connection.leg.close();
    onDone();
  };
  const timer = setTimeout(() => {
    finish(`the server did not close the connection within ${cancelTimeoutMs / 1000} s`);
  }, cancelTimeoutMs);
  const counters = noTraffic();
  const connected = (result: Leg | DialError): void => {
    if (result instanceof Error) {
      finish(result.message);
      return;
    }
    server = result;
    server.listener = {
      read: () => true,
      ended: () => finish(null),
      // Many servers reset it, for they leave bytes unread: it was delivered all the same.
      closed: () => finish(null),
    };
    server.write(request.packet, () => undefined);
  };
  const giveUp = dial(upstream, connectTimeoutMs, counters, connected, upstreamTls);
  // The client may close first: the request is delivered all the same.
  connection.park();
  return finish;
}
