import fc from 'fast-check';
import type { Chunk } from '../support/story.ts';

/** One thing that is done to a conversation. `at` counts its messages, modulo their number. */
export type Mutation =
  | { readonly kind: 'flip'; readonly at: number; readonly offset: number; readonly mask: number }
  | { readonly kind: 'drop' | 'double'; readonly at: number }
  | { readonly kind: 'swap'; readonly at: number; readonly other: number }
  | { readonly kind: 'lie'; readonly at: number; readonly length: number }
  | { readonly kind: 'lie a little'; readonly at: number; readonly by: number }
  | { readonly kind: 'cut off'; readonly at: number; readonly offset: number }
  | { readonly kind: 'insert'; readonly at: number; readonly bytes: Uint8Array; readonly byClient: boolean };

const at = fc.nat(10_000);

export const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({
    kind: fc.constant('flip' as const),
    at,
    offset: fc.nat(60),
    mask: fc.integer({ min: 1, max: 255 }),
  }),
  fc.record({ kind: fc.constantFrom('drop' as const, 'double' as const), at }),
  fc.record({ kind: fc.constant('swap' as const), at, other: at }),
  fc.record({
    kind: fc.constant('lie' as const),
    at,
    length: fc.constantFrom(0, 1, 3, 4, 5, 255, 65_536, 0x3fff_ffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff),
  }),
  fc.record({ kind: fc.constant('lie a little' as const), at, by: fc.integer({ min: -9, max: 9 }) }),
  fc.record({ kind: fc.constant('cut off' as const), at, offset: fc.nat(60) }),
  fc.record({
    kind: fc.constant('insert' as const),
    at,
    bytes: fc.uint8Array({ minLength: 1, maxLength: 30 }),
    byClient: fc.boolean(),
  }),
);

/** @returns the messages of a conversation, changed; the first, its StartupMessage, only if `startupToo` */
export function mutate(
  messages: readonly Chunk[],
  mutations: readonly Mutation[],
  startupToo = false,
): Chunk[] {
  const first = startupToo ? 0 : 1;
  let result: Chunk[] = messages.map(({ from, bytes }) => ({ from, bytes: Buffer.from(bytes) }));
  for (const change of mutations) {
    if (result.length <= first) return result;
    result = changed(result, change, first + (change.at % (result.length - first)), first);
  }
  return result.filter(({ bytes }) => bytes.length > 0);
}

function changed(messages: Chunk[], change: Mutation, index: number, first: number): Chunk[] {
  const target = messages[index]!;
  const { bytes } = target;
  switch (change.kind) {
    case 'flip':
      if (bytes.length > 0) bytes[change.offset % bytes.length]! ^= change.mask;
      return messages;
    case 'drop':
      return messages.toSpliced(index, 1);
    case 'double':
      return messages.toSpliced(index, 0, { from: target.from, bytes: Buffer.from(bytes) });
    case 'swap': {
      const other = first + (change.other % (messages.length - first));
      return messages.with(index, messages[other]!).with(other, target);
    }
    case 'lie':
      if (bytes.length >= 5) bytes.writeUInt32BE(change.length, 1);
      return messages;
    case 'lie a little':
      if (bytes.length >= 5) bytes.writeUInt32BE((bytes.readUInt32BE(1) + change.by) >>> 0, 1);
      return messages;
    case 'cut off': {
      const rest = messages.slice(index + 1).filter(({ from }) => from !== target.from);
      const kept = bytes.subarray(0, change.offset % (bytes.length + 1));
      return [...messages.slice(0, index), { from: target.from, bytes: kept }, ...rest];
    }
    case 'insert':
      break;
  }
  const from = change.byClient ? 'client' : 'server';
  return messages.toSpliced(index, 0, { from, bytes: Buffer.from(change.bytes) });
}
