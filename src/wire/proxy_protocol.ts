import { isIP } from 'node:net';

/**
 * The PROXY protocol, versions 1 and 2: how a load balancer says whom it forwards
 * (https://www.haproxy.org/download/1.8/doc/proxy-protocol.txt, sections 2.1 and 2.2).
 */

/** What the header at the beginning of a connection says. `bytes` is its length. */
export type ProxyHeader =
  /** The connection is made on behalf of this client. A Unix-domain client has its path and port 0. */
  | { readonly kind: 'proxied'; readonly address: string; readonly port: number; readonly bytes: number }
  /** The balancer itself connects (a health check), or it does not know for whom. */
  | { readonly kind: 'local'; readonly bytes: number }
  | { readonly kind: 'invalid'; readonly reason: string };

/** Version 1: the longest line, CR LF included. */
const MAX_V1_BYTES = 107;
/** Version 2: addresses take 216 bytes at most; the rest is for what balancers add (TLVs). */
const MAX_V2_BYTES = 4096;
const V1_SIGNATURE = Buffer.from('PROXY ');
const V2_SIGNATURE = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]);
const V2_HEADER_BYTES = 16;
const LINE_FEED = 0x0a;

/** Reads one PROXY protocol header, whatever way it is cut. */
export class ProxyHeaderReader {
  #seen: Buffer = Buffer.alloc(0);

  /** Bytes of a header that is not complete yet. */
  get pending(): number {
    return this.#seen.length;
  }

  /**
   * Takes bytes of the header.
   *
   * @returns where it stopped in the chunk, and the header once it is complete
   */
  read(chunk: Buffer, from: number, to: number): { at: number; header: ProxyHeader | null } {
    const before = this.#seen.length;
    const taken = Math.min(to - from, MAX_V2_BYTES - before);
    const seen = Buffer.concat([this.#seen, chunk.subarray(from, from + taken)]);
    const header = parseHeader(seen);
    if (header === null) {
      this.#seen = seen;
      return { at: from + taken, header };
    }
    this.#seen = Buffer.alloc(0);
    return { at: header.kind === 'invalid' ? to : from + header.bytes - before, header };
  }
}

/** The header at the beginning of `seen`; null when more bytes are needed. */
function parseHeader(seen: Buffer): ProxyHeader | null {
  if (startsLike(seen, V1_SIGNATURE)) return parseV1(seen);
  if (startsLike(seen, V2_SIGNATURE)) return parseV2(seen);
  return invalid('the connection does not begin with a PROXY protocol header');
}

function startsLike(seen: Buffer, signature: Buffer): boolean {
  const length = Math.min(seen.length, signature.length);
  return seen.subarray(0, length).equals(signature.subarray(0, length));
}

function parseV1(seen: Buffer): ProxyHeader | null {
  const end = seen.subarray(0, MAX_V1_BYTES).indexOf(LINE_FEED);
  if (end < 0)
    return seen.length < MAX_V1_BYTES ? null : invalid(`a PROXY line of more than ${MAX_V1_BYTES} bytes`);
  const bytes = end + 1;
  const line = seen.toString('latin1', 0, end);
  if (!line.endsWith('\r')) return invalid('a PROXY line that does not end in CR LF');
  const [, family, source, destination, sourcePort, destinationPort, ...rest] = line.slice(0, -1).split(' ');
  if (family === 'UNKNOWN') return { kind: 'local', bytes };
  const version = family === 'TCP4' ? 4 : family === 'TCP6' ? 6 : 0;
  if (version === 0) return invalid(`the unknown address family ${JSON.stringify(family)} in a PROXY line`);
  if (isIP(source ?? '') !== version || isIP(destination ?? '') !== version || rest.length > 0) {
    return invalid(`a PROXY line with addresses that are not ${family}`);
  }
  const port = portOf(sourcePort);
  if (port === null || portOf(destinationPort) === null)
    return invalid('a PROXY line with a port that is none');
  return { kind: 'proxied', address: source!, port, bytes };
}

function portOf(text: string | undefined): number | null {
  if (text === undefined || !/^\d{1,5}$/.test(text)) return null;
  const port = Number(text);
  return port <= 65_535 ? port : null;
}

function parseV2(seen: Buffer): ProxyHeader | null {
  if (seen.length < V2_HEADER_BYTES) return null;
  const version = seen[12]! >> 4;
  const command = seen[12]! & 0x0f;
  const family = seen[13]! >> 4;
  const length = seen.readUInt16BE(14);
  const bytes = V2_HEADER_BYTES + length;
  if (version !== 2) return invalid(`PROXY protocol version ${version}, expected 2`);
  if (command > 1) return invalid(`the unknown PROXY protocol command ${command}`);
  if (bytes > MAX_V2_BYTES) return invalid(`a PROXY header of ${bytes} bytes, more than ${MAX_V2_BYTES}`);
  if (seen.length < bytes) return null;
  const body = seen.subarray(V2_HEADER_BYTES, bytes);
  if (command === 0) return { kind: 'local', bytes };
  switch (family) {
    case 0:
      return { kind: 'local', bytes };
    case 1:
      if (length < 12) return invalid('a PROXY header too short for its IPv4 addresses');
      return { kind: 'proxied', address: body.subarray(0, 4).join('.'), port: body.readUInt16BE(8), bytes };
    case 2:
      if (length < 36) return invalid('a PROXY header too short for its IPv6 addresses');
      return { kind: 'proxied', address: ipv6(body.subarray(0, 16)), port: body.readUInt16BE(32), bytes };
    case 3: {
      if (length < 216) return invalid('a PROXY header too short for its Unix-domain addresses');
      const end = body.subarray(0, 108).indexOf(0);
      return { kind: 'proxied', address: body.toString('utf8', 0, end < 0 ? 108 : end), port: 0, bytes };
    }
    default:
      return invalid(`the unknown PROXY protocol address family ${family}`);
  }
}

/** An IPv6 address in its canonical text (RFC 5952). */
function ipv6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, group) => bytes.readUInt16BE(2 * group).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

function invalid(reason: string): ProxyHeader {
  return { kind: 'invalid', reason };
}
