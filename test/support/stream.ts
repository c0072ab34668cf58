// Long streams of CopyData whose bytes follow from a seed, so that they can be sent, hashed and told again.
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { Peer } from './peers.ts';

/** A generator of pseudo-random integers below a bound (mulberry32). */
export function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const POOL_BYTES = 4 * 1024 * 1024;
let pool: Buffer | null = null;

function noise(): Buffer {
  if (pool !== null) return pool;
  const random = randomOf(1);
  const words = new Uint32Array(POOL_BYTES / 4);
  for (let at = 0; at < words.length; at += 1) words[at] = random(0x1_0000_0000);
  return (pool = Buffer.from(words.buffer));
}

/** Sizes of writes: mostly small, mostly large, or anything. */
const LARGEST = [5, 100, 4096, 8192, 65_536, 1_000_000];

/**
 * Sends so many bytes as CopyData messages of random sizes, cut into writes of random sizes.
 *
 * @returns the hash of what was sent, once all of it was accepted; less may have been when the connection broke
 */
export async function pour(peer: Peer, bytes: number, seed: number): Promise<{ sent: number; sha1: string }> {
  const random = randomOf(seed);
  const hash = createHash('sha1');
  const source = noise();
  let sent = 0;
  let bodyLeft = 0;
  let largest = LARGEST[0]!;
  let wake = (): void => undefined;
  peer.socket.on('drain', () => wake());
  peer.socket.on('close', () => wake());
  for (let turn = 0; sent < bytes && !peer.socket.destroyed; turn += 1) {
    if (turn % 64 === 0) largest = LARGEST[random(LARGEST.length)]!;
    let piece: Buffer;
    if (bodyLeft === 0) {
      bodyLeft = Math.min(random(largest), Math.max(bytes - sent - 5, 0));
      piece = Buffer.from([0x64, 0, 0, 0, 0]);
      piece.writeInt32BE(bodyLeft + 4, 1);
    } else {
      const at = random(POOL_BYTES - largest);
      piece = source.subarray(at, at + Math.min(bodyLeft, 1 + random(largest)));
      bodyLeft -= piece.length;
    }
    hash.update(piece);
    sent += piece.length;
    if (!peer.socket.write(piece) && !peer.socket.destroyed) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    } else if (turn % 256 === 0) {
      await setImmediate();
    }
  }
  return { sent, sha1: hash.digest('hex') };
}
