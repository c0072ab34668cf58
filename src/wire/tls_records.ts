/** Most plaintext that one TLS record holds (RFC 8446, section 5.1), and all that OpenSSL puts into one. */
const MAX_PLAINTEXT = 16_384;
/** Content type, version, length. */
const HEADER = 5;
/** An alert: its level and its description. */
const ALERT = 2;

/**
 * Bytes that a record of application data is longer than its plaintext, if it has no padding; an alert costs the same.
 *
 * @param protocol as OpenSSL names it, `TLSv1.3`
 * @param cipher as OpenSSL names it, `TLS_AES_256_GCM_SHA384`
 * @returns null for what has no fixed length: CBC pads to whole blocks; and for what is not known
 */
export function recordOverhead(protocol: string | null, cipher: string | null): number | null {
  const tag = tagBytes(cipher ?? '');
  if (tag === null) return null;
  // The inner content type (RFC 8446, section 5.2).
  if (protocol === 'TLSv1.3') return HEADER + 1 + tag;
  // The explicit part of the nonce (RFC 5288, RFC 6655), which ChaCha20 has not (RFC 7905).
  if (protocol === 'TLSv1.2') return HEADER + (/CHACHA20/.test(cipher!) ? 0 : 8) + tag;
  return null;
}

function tagBytes(cipher: string): number | null {
  if (/CCM_?8/.test(cipher)) return 8;
  return /GCM|CCM|CHACHA20[_-]POLY1305/.test(cipher) ? 16 : null;
}

/** Records that a write of so many bytes becomes. */
export function recordsOfWrite(bytes: number): number {
  return Math.ceil(bytes / MAX_PLAINTEXT);
}

/**
 * The number of records of application data that so many bytes of plaintext stand in, from what TLS has added to them.
 *
 * @param added bytes of the socket that are not plaintext, none of them of the handshake
 * @param overhead per record, as {@link recordOverhead} tells it
 * @param alert whether an alert, such as close_notify, may be among the records
 * @returns null where records of other kinds, padding or a part of a record must be in `added`
 */
export function recordsFromOverhead(
  plain: number,
  added: number,
  overhead: number,
  alert: 'none' | 'one at most',
): number | null {
  const closed = alert !== 'none' && added % overhead === ALERT;
  const records = (closed ? added - ALERT : added) / overhead - (closed ? 1 : 0);
  if (!Number.isInteger(records)) return null;
  // Each record has one byte at least.
  return records >= recordsOfWrite(plain) && records <= plain ? records : null;
}
