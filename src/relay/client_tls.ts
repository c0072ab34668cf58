import { TLSSocket } from 'node:tls';
import type { Leg } from './leg.ts';
import { ALPN_PROTOCOL, type TlsContext } from './tls_context.ts';

/** What clients are offered. */
export interface ClientTls {
  /** `require`: no StartupMessage in the clear. */
  readonly mode: 'allow' | 'require';
  readonly context: TlsContext;
  /** A client must show a certificate that the context's authorities have signed. */
  readonly verifyClients: boolean;
}

/**
 * Makes a client's leg speak TLS. A handshake that fails, or a client that may not, breaks the connection.
 *
 * @param hello the beginning of the handshake of a client that did not ask before (direct TLS)
 * @param onSecure called once, when the handshake is done
 */
export function secureClient(leg: Leg, tls: ClientTls, hello: Buffer | null, onSecure: () => void): void {
  const { socket, established } = leg.secure(
    (raw) =>
      new TLSSocket(raw, {
        isServer: true,
        secureContext: tls.context.current,
        requestCert: tls.verifyClients,
        rejectUnauthorized: tls.verifyClients,
        ALPNProtocols: [ALPN_PROTOCOL],
      }),
    hello ?? undefined,
  );
  // Node tells errors behind the handshake only to its own tls.Server, by this event.
  socket.on('_tlsError', (error: Error) => socket.destroy(error));
  socket.once('secure', () => {
    // The handshake has an end, whatever follows.
    established();
    const refusal = tls.verifyClients ? verifyClient(socket) : null;
    // As ProcessSSLStartup of src/backend/tcop/backend_startup.c: whoever asked before may do without ALPN.
    if (refusal !== null) socket.destroy(refusal);
    else if (hello !== null && socket.alpnProtocol !== ALPN_PROTOCOL)
      socket.destroy(new Error(`direct TLS without the ALPN protocol "${ALPN_PROTOCOL}"`));
    else onSecure();
  });
}

/** Node leaves the verdict of OpenSSL to whoever is not its tls.Server; without a verdict nobody passes. */
function verifyClient(socket: TLSSocket): Error | null {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle !== 'object' || handle === null) return new Error('the connection is closed');
  const verify: unknown = Reflect.get(handle, 'verifyError');
  if (typeof verify !== 'function')
    return new Error('this version of Node cannot verify client certificates');
  const verdict: unknown = Reflect.apply(verify, handle, []);
  if (verdict === null || verdict === undefined) return null;
  return new Error(
    `the client's certificate is not accepted: ${verdict instanceof Error ? verdict.message : 'not verified'}`,
  );
}
