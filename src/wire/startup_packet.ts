import { isUtf8 } from 'node:buffer';
import { encodingOf, UTF8 } from './encodings.ts';
import { decodeCommonText, endOfString } from './text.ts';

/** Request codes that stand where a StartupMessage has its version (src/include/libpq/pqcomm.h). */
export const CANCEL_REQUEST = 80877102;
export const SSL_REQUEST = 80877103;
export const GSSENC_REQUEST = 80877104;

/**
 * What the server takes, and no more: MAX_STARTUP_PACKET_LENGTH of src/include/libpq/pqcomm.h and the length field,
 * which ProcessStartupPacket (src/backend/tcop/backend_startup.c) leaves out before it compares.
 */
export const MAX_STARTUP_PACKET_BYTES = 10_004;
const MIN_STARTUP_PACKET_BYTES = 8;

/** Of a CancelRequest (ProcessCancelRequestPacket); servers before 18 take keys of 4 bytes only. */
const CANCEL_KEY_AT = 12;
const MAX_CANCEL_KEY_BYTES = 256;

/** One packet of the untyped phase. `packet` holds all its bytes, length field included. */
export type StartupPacket =
  | { readonly kind: 'ssl_request'; readonly packet: Buffer }
  | { readonly kind: 'gssenc_request'; readonly packet: Buffer }
  | {
      readonly kind: 'cancel_request';
      readonly packet: Buffer;
      readonly processId: number;
      readonly key: Buffer;
    }
  | {
      readonly kind: 'startup_message';
      readonly packet: Buffer;
      readonly protocolMajor: number;
      readonly protocolMinor: number;
      readonly parameters: ReadonlyMap<string, string>;
    };

/** The client sent what is no packet of these. `length` is what its length field says, read as unsigned. */
export interface NotAStartupPacket {
  readonly kind: 'invalid';
  /** What it would have been, by its beginning. */
  readonly as: 'startup_packet' | 'cancel_request';
  readonly length: number;
}

/**
 * Reads the untyped packets that open a connection, whatever way they are cut. Nothing is allocated for a packet
 * whose length is out of bounds, and never more than {@link MAX_STARTUP_PACKET_BYTES}.
 */
export class StartupPacketReader {
  /** The length field as far as it was read. */
  #length = 0;
  #packet: Buffer | null = null;
  #seen = 0;

  /** Bytes of a packet that is not complete yet. */
  get pending(): number {
    return this.#seen;
  }

  /**
   * Takes bytes of one packet at most.
   *
   * @returns where it stopped in the chunk, and the packet once it is complete
   */
  read(
    chunk: Buffer,
    from: number,
    to: number,
  ): { at: number; packet: StartupPacket | NotAStartupPacket | null } {
    let at = from;
    while (this.#packet === null) {
      if (at === to) return { at, packet: null };
      // One that is out of bounds stays so, whatever comes behind it.
      if (this.#seen < 4) this.#length = ((this.#length << 8) | chunk[at]!) >>> 0;
      this.#seen += 1;
      at += 1;
      if (this.#seen < 4) continue;
      const length = this.#length;
      if (length < MIN_STARTUP_PACKET_BYTES || length > MAX_STARTUP_PACKET_BYTES) {
        return { at, packet: { kind: 'invalid', as: 'startup_packet', length } };
      }
      this.#length = 0;
      this.#packet = Buffer.alloc(length);
      this.#packet.writeUInt32BE(length);
    }
    const packet = this.#packet;
    const end = Math.min(to, at + packet.length - this.#seen);
    chunk.copy(packet, this.#seen, at, end);
    this.#seen += end - at;
    if (this.#seen < packet.length) return { at: end, packet: null };
    this.#packet = null;
    this.#seen = 0;
    this.#length = 0;
    return { at: end, packet: decodeStartupPacket(packet) };
  }
}

function decodeStartupPacket(packet: Buffer): StartupPacket | NotAStartupPacket {
  const code = packet.readUInt32BE(4);
  switch (code) {
    case SSL_REQUEST:
      return { kind: 'ssl_request', packet };
    case GSSENC_REQUEST:
      return { kind: 'gssenc_request', packet };
    case CANCEL_REQUEST:
      if (packet.length <= CANCEL_KEY_AT || packet.length > CANCEL_KEY_AT + MAX_CANCEL_KEY_BYTES)
        return { kind: 'invalid', as: 'cancel_request', length: packet.length };
      return {
        kind: 'cancel_request',
        packet,
        processId: packet.readInt32BE(8),
        key: packet.subarray(CANCEL_KEY_AT),
      };
    default:
      return {
        kind: 'startup_message',
        packet,
        protocolMajor: code >>> 16,
        protocolMinor: code & 0xffff,
        parameters: decodeParameters(packet, 8),
      };
  }
}

/**
 * Name and value pairs up to an empty name. What is malformed ends the list: the server will say what is wrong. The server takes
 * names as the bytes that they are; what is no UTF-8 is taken to be in the `client_encoding` that stands among them.
 */
function decodeParameters(packet: Buffer, from: number): Map<string, string> {
  const encoding = isUtf8(packet.subarray(from))
    ? UTF8
    : encodingOf(clientEncoding(packet, from) ?? 'SQL_ASCII');
  const parameters = new Map<string, string>();
  for (const { at, nameEnd, valueEnd } of pairs(packet, from)) {
    const name = decodeCommonText(packet, at, nameEnd, encoding.decode);
    parameters.set(name, decodeCommonText(packet, nameEnd + 1, valueEnd, encoding.decode));
  }
  return parameters;
}

function clientEncoding(packet: Buffer, from: number): string | null {
  for (const { at, nameEnd, valueEnd } of pairs(packet, from))
    if (packet.toString('latin1', at, nameEnd) === 'client_encoding')
      return packet.toString('latin1', nameEnd + 1, valueEnd);
  return null;
}

function* pairs(packet: Buffer, from: number): Generator<{ at: number; nameEnd: number; valueEnd: number }> {
  let at = from;
  for (;;) {
    const nameEnd = endOfString(packet, at, packet.length);
    if (nameEnd <= at) return;
    const valueEnd = endOfString(packet, nameEnd + 1, packet.length);
    if (valueEnd < 0) return;
    yield { at, nameEnd, valueEnd };
    at = valueEnd + 1;
  }
}
