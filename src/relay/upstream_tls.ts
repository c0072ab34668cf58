import { isIP } from 'node:net';
import { checkServerIdentity, connect } from 'node:tls';
import { SSL_REQUEST_PACKET } from '../wire/encode.ts';
import type { Leg } from './leg.ts';
import { keepLastWords } from './last_words.ts';
import { ALPN_PROTOCOL, describeTlsError, type TlsContext } from './tls_context.ts';

/** How the server is spoken to, in the words of libpq's `sslmode` and `sslnegotiation`. */
export interface UpstreamTls {
  readonly mode: 'prefer' | 'require' | 'verify-ca' | 'verify-full';
  /** `direct`: the handshake comes first, without an SSLRequest. */
  readonly negotiation: 'postgres' | 'direct';
  /** The server's certificate must be signed by an authority of the context. */
  readonly verifyAuthority: boolean;
  readonly context: TlsContext;
}

/** There is no TLS to be had. `code` says whether the clear may be tried: ERR_TLS_REFUSED, ERR_TLS_FAILED. */
function failure(code: 'ERR_TLS_REFUSED' | 'ERR_TLS_FAILED', message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(message), { code });
}

const S = 0x53;
const N = 0x4e;

/**
 * Makes the leg of a server speak TLS, before anything else was said.
 *
 * @param host as the user wrote it: the name that the certificate is for
 * @param onDone called at most once: with `secure`, with `clear` when the server has no TLS and none is demanded, or
 *   with what went wrong. The leg is broken then, or must be destroyed. Its listener is taken.
 */
export function secureServer(
  leg: Leg,
  host: string,
  tls: UpstreamTls,
  onDone: (result: 'secure' | 'clear' | NodeJS.ErrnoException) => void,
): void {
  const { counters } = leg;
  const failed = (error: NodeJS.ErrnoException | null): void => {
    onDone(failure('ERR_TLS_FAILED', `TLS failed: ${explain(error, host)}`));
  };
  const shake = (): void => {
    leg.listener = {
      read: () => true,
      ended: () => failed(null),
      closed: failed,
    };
    handshake(leg, host, tls, (error) => {
      if (error === null) onDone('secure');
      else failed(error);
    });
  };
  if (tls.negotiation === 'direct') {
    shake();
    return;
  }
  leg.listener = {
    read: (chunk, bytes) => {
      counters.ownIn += bytes;
      // What follows in the clear could have been put there by somebody else (CVE-2021-23222).
      if (bytes > 1 && (chunk[0] === S || chunk[0] === N))
        onDone(failure('ERR_TLS_FAILED', 'TLS failed: the server sent unencrypted data behind its answer'));
      else if (chunk[0] === S) shake();
      else if (chunk[0] === N && tls.mode === 'prefer') onDone('clear');
      else if (chunk[0] === N)
        onDone(failure('ERR_TLS_REFUSED', `it has no TLS, which --upstream-tls ${tls.mode} demands`));
      // Whose words these are nobody knows before the handshake (CVE-2024-10977).
      else onDone(failure('ERR_TLS_REFUSED', 'it answered the request for TLS with an error'));
      return true;
    },
    ended: () => onDone(failure('ERR_TLS_REFUSED', 'it closed the connection when asked for TLS')),
    closed: (error) =>
      onDone(
        failure('ERR_TLS_REFUSED', `it broke the connection when asked for TLS${because(error?.message)}`),
      ),
  };
  const asked = (): void => {
    counters.ownOut += SSL_REQUEST_PACKET.length;
  };
  if (leg.write(SSL_REQUEST_PACKET, asked)) asked();
}

function handshake(leg: Leg, host: string, tls: UpstreamTls, onDone: (error: Error | null) => void): void {
  const { socket, established } = leg.secure((raw) =>
    connect({
      socket: raw,
      host,
      // RFC 6066 forbids IP addresses in SNI.
      ...(isIP(host) === 0 && { servername: host }),
      secureContext: tls.context.current,
      rejectUnauthorized: tls.verifyAuthority,
      checkServerIdentity: tls.mode === 'verify-full' ? checkServerIdentity : () => undefined,
      ALPNProtocols: [ALPN_PROTOCOL],
    }),
  );
  keepLastWords(socket);
  socket.once('secureConnect', () => {
    established();
    if (tls.negotiation === 'direct' && socket.alpnProtocol !== ALPN_PROTOCOL)
      onDone(new Error('it does not know direct TLS (no ALPN); use --upstream-tls-negotiation postgres'));
    else onDone(null);
  });
}

function explain(error: NodeJS.ErrnoException | null, host: string): string {
  if (error === null) return 'the connection was closed during the handshake';
  switch (error.code ?? '') {
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `its certificate is not for "${host}"${because(Reflect.get(error, 'reason'))}`;
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
      return `its certificate is not signed by an authority of --upstream-ca (${error.message})`;
    case 'CERT_HAS_EXPIRED':
      return 'its certificate has expired';
    case 'ECONNRESET':
      return 'it broke the connection during the handshake';
    default:
      return describeTlsError(error);
  }
}

function because(reason: unknown): string {
  return typeof reason === 'string' ? ` (${reason})` : '';
}
