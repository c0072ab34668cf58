import { constants } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';

/** What a protocol name a client and a server agree on when both know ALPN (manual, "SSL Session Encryption"). */
export const ALPN_PROTOCOL = 'postgresql';

/** Holds a context that may be exchanged for a newer one while the proxy runs. */
export interface TlsContext {
  readonly current: SecureContext;
  /** What it was made of, for threads that must make one of their own. */
  readonly files?: TlsFileContents;
}

/** PEM. */
export type TlsFileContents = Readonly<Partial<Record<'cert' | 'key' | 'ca', Uint8Array>>>;

/**
 * A context for either leg.
 *
 * TLS 1.2 at least, no renegotiation, and no tickets to resume a session with, as PostgreSQL itself has it
 * (be_tls_init of src/backend/libpq/be-secure-openssl.c); without resumption there is no early data either.
 *
 * @throws {Error} of OpenSSL, such as ERR_OSSL_X509_KEY_VALUES_MISMATCH
 */
export function tlsContext(files: Pick<SecureContextOptions, 'cert' | 'key' | 'ca'>): SecureContext {
  return createSecureContext({
    ...files,
    minVersion: 'TLSv1.2',
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
    sessionIdContext: 'pgnetflow',
  });
}

/** An error of TLS in the words of OpenSSL, without its file names and numbers. */
export function describeTlsError(error: NodeJS.ErrnoException): string {
  const reason: unknown = Reflect.get(error, 'reason');
  return typeof reason === 'string' && reason !== '' ? reason : error.message;
}
