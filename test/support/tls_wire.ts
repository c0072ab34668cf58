// The records of TLS as they pass on a wire, each with the type of its content. TLS 1.3 hides that type, so its records
// are decrypted, with the keys that `node --tls-keylog` has written: what comes out is authentic, or it throws.
import assert from 'node:assert/strict';
import { createDecipheriv, createHmac } from 'node:crypto';
import { type Listening, wiretap, type Wiretap } from './tls_peers.ts';
import type { Address } from '../../src/relay/address.ts';

/** Content types (RFC 8446, section B.1). */
const TYPES: Readonly<Record<number, RecordType>> = {
  20: 'change_cipher_spec',
  21: 'alert',
  22: 'handshake',
  23: 'application_data',
};
const APPLICATION_DATA = 23;
const HANDSHAKE = 22;
const FINISHED = 20;
const KEY_UPDATE = 24;

export type RecordType = 'change_cipher_spec' | 'alert' | 'handshake' | 'application_data';

/** One record. */
export interface TlsWireRecord {
  readonly type: RecordType;
  /** Length of its content; of a suite without a fixed length that of its ciphertext. */
  readonly plain: number;
}

interface RawRecord {
  readonly type: number;
  readonly header: Buffer;
  readonly body: Buffer;
}

/** A wire that keeps what passes. */
export interface RecordedWire extends Wiretap {
  /** The records of either direction. @param keys what `--tls-keylog` wrote */
  readonly records: (
    keys: string,
    cipher: string,
  ) => { readonly forth: TlsWireRecord[]; readonly back: TlsWireRecord[] };
}

export async function recordedWire(to: Address): Promise<RecordedWire> {
  const chunks = { forth: new Array<Buffer>(), back: new Array<Buffer>() };
  const listening: Listening = {
    forth: (chunk) => chunks.forth.push(Buffer.from(chunk)),
    back: (chunk) => chunks.back.push(Buffer.from(chunk)),
  };
  const tap = await wiretap(to, listening);
  return {
    ...tap,
    records: (keys, cipher) => {
      const [forth, back] = [split(Buffer.concat(chunks.forth)), split(Buffer.concat(chunks.back))];
      if (!cipher.startsWith('TLS_')) {
        const asSent = ({ type, body }: RawRecord): TlsWireRecord => ({
          type: TYPES[type]!,
          plain: body.length - addedByTls12(cipher),
        });
        return { forth: forth.map(asSent), back: back.map(asSent) };
      }
      // Type, length of the handshake message, version; then the random that names the connection in the log.
      const random = forth[0]!.body.toString('hex', 6, 38);
      const secret = (label: string): Buffer => {
        const found = new RegExp(`^${label} ${random} ([0-9a-f]+)$`, 'm').exec(keys);
        assert.ok(found !== null, `no ${label} of ${random} in the log of keys`);
        return Buffer.from(found[1]!, 'hex');
      };
      const of = (end: string) => [
        secret(`${end}_HANDSHAKE_TRAFFIC_SECRET`),
        secret(`${end}_TRAFFIC_SECRET_0`),
      ];
      return {
        forth: decrypt(forth, cipher, of('CLIENT')),
        back: decrypt(back, cipher, of('SERVER')),
      };
    },
  };
}

/** From the first record on: an SSLRequest, or its answer, comes before. */
function split(bytes: Buffer): RawRecord[] {
  const records: RawRecord[] = [];
  let at = bytes[0] === HANDSHAKE ? 0 : bytes[0] === 0 ? 8 : 1;
  while (at < bytes.length) {
    const header = bytes.subarray(at, at + 5);
    const type = bytes[at]!;
    assert.ok(type in TYPES, `no record begins with ${type}`);
    const length = bytes.readUInt16BE(at + 3);
    assert.ok(at + 5 + length <= bytes.length, 'the wire ends within a record');
    records.push({ type, header, body: bytes.subarray(at + 5, at + 5 + length) });
    at += 5 + length;
  }
  return records;
}

/** Nonce and tag (RFC 5288, RFC 7905). */
function addedByTls12(cipher: string): number {
  if (cipher.includes('GCM')) return 8 + 16;
  return cipher.includes('CHACHA20') ? 16 : 0;
}

function decrypt(records: readonly RawRecord[], cipher: string, secrets: readonly Buffer[]): TlsWireRecord[] {
  let left = secrets;
  let key = keyOf(cipher, left[0]!);
  let sequence = 0;
  return records.map((record) => {
    if (record.type !== APPLICATION_DATA) return { type: TYPES[record.type]!, plain: record.body.length };
    const { content, type } = open(record, cipher, key, sequence);
    sequence += 1;
    if (type === HANDSHAKE && content[0] === FINISHED) {
      left = left.slice(1);
      key = keyOf(cipher, left[0]!);
      sequence = 0;
    }
    assert.ok(type !== HANDSHAKE || content[0] !== KEY_UPDATE, 'keys that are not in the log');
    return { type: TYPES[type]!, plain: content.length };
  });
}

interface Key {
  readonly key: Buffer;
  readonly iv: Buffer;
}

function open({ header, body }: RawRecord, cipher: string, { key, iv }: Key, sequence: number) {
  const nonce = Buffer.from(iv);
  nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ sequence) >>> 0, 8);
  const tagAt = body.length - 16;
  const name = cipher.includes('CHACHA20')
    ? 'chacha20-poly1305'
    : cipher.includes('256_GCM')
      ? 'aes-256-gcm'
      : 'aes-128-gcm';
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- All of them are called so.
  const decipher = createDecipheriv(name as 'aes-128-gcm', key, nonce, { authTagLength: 16 });
  decipher.setAAD(header);
  decipher.setAuthTag(body.subarray(tagAt));
  const inner = Buffer.concat([decipher.update(body.subarray(0, tagAt)), decipher.final()]);
  // Behind the content stand its type and padding of zeros.
  let end = inner.length - 1;
  while (inner[end] === 0) end -= 1;
  return { content: inner.subarray(0, end), type: inner[end]! };
}

function keyOf(cipher: string, secret: Buffer): Key {
  const hash = cipher.endsWith('SHA384') ? 'sha384' : 'sha256';
  const length = cipher.includes('128') ? 16 : 32;
  return { key: expand(hash, secret, 'key', length), iv: expand(hash, secret, 'iv', 12) };
}

/** HKDF-Expand-Label (RFC 8446, section 7.1) of no more than one block. */
function expand(hash: string, secret: Buffer, label: string, length: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`);
  const info = Buffer.concat([Buffer.from([0, length, name.length]), name, Buffer.from([0, 1])]);
  return createHmac(hash, secret).update(info).digest().subarray(0, length);
}

/** How many of the records are of a type. */
export function countOf(records: readonly TlsWireRecord[], type: RecordType): number {
  return records.filter((record) => record.type === type).length;
}

/**
 * How many records of application data each piece of the plaintext stands in.
 *
 * @param pieces their lengths; each begins with a record
 */
export function recordsOfPieces(
  records: readonly TlsWireRecord[],
  pieces: readonly number[],
): readonly number[] {
  const lengths = records.flatMap(({ type, plain }) => (type === 'application_data' ? [plain] : []));
  return pieces.map((bytes) => {
    let left = bytes;
    let count = 0;
    while (left > 0) {
      left -= lengths.shift()!;
      count += 1;
    }
    assert.equal(left, 0, 'a record holds bytes of two pieces');
    return count;
  });
}
