/** A TCP address, or the path of a Unix-domain socket with port 0. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** What TLS adds to the bytes of one leg. */
export interface TlsTotals {
  /** `TLSv1.3`; null when the handshake did not come to its end. */
  readonly protocol: string | null;
  /** As OpenSSL names it. */
  readonly cipher: string | null;
  /** Bytes of the leg's socket, what came before TLS included. */
  readonly socketIn: number;
  /** Of these, what the kernel has taken, as {@link LegTotals.out}. */
  readonly socketOut: number;
  /**
   * Of `socketIn`: neither in the clear nor plaintext that was passed on. Handshake, record headers and tags, alerts;
   * and what TLS still holds: an incomplete record, or plaintext that nobody has taken yet.
   */
  readonly overheadIn: number;
  readonly overheadOut: number;
  /** Of this, what each record of application data costs; null where that is not fixed, or not known. */
  readonly recordOverhead: number | null;
  /** Records of application data: those whose plaintext was passed on. Null where that is not certain. */
  readonly recordsIn: number | null;
  /** Those that the kernel has taken. */
  readonly recordsOut: number | null;
}

/** Bytes and socket operations of one leg. Bytes are in the clear: before TLS, or inside of it. */
export interface LegTotals {
  in: number;
  /** What the kernel has taken. */
  out: number;
  reads: number;
  writes: number;
  /** Of these, those that the kernel did not take at once: each may have been several socket operations. */
  deferred: number;
  /** Both ends of its own TCP connection; null of a Unix-domain socket, and before there is one. */
  ends: { readonly local: Endpoint; readonly remote: Endpoint } | null;
  /** Of `in`: swallowed by pgnetflow itself, such as an SSLRequest. */
  ownIn: number;
  /** Of `out`: made by pgnetflow itself, such as the answer to an SSLRequest. */
  ownOut: number;
  /** Null without TLS. */
  tls: TlsTotals | null;
}

/** A leg on which nothing has moved. */
export function noTraffic(): LegTotals {
  return { in: 0, out: 0, reads: 0, writes: 0, deferred: 0, ends: null, ownIn: 0, ownOut: 0, tls: null };
}
