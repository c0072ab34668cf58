import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  assertBooked,
  C,
  type Chunk,
  chunksOf,
  ledger,
  type Line,
  OPENING,
  relay,
  S,
  type Story,
} from '../support/story.ts';
import { cutInto, lag } from '../support/interleave.ts';
import { randomOpening, randomStory } from '../support/random_story.ts';
import { STORIES } from '../support/stories.ts';

const linesOf = (story: Story): Line[] => [...OPENING, ...story.lines];
const endOf = (story: Story) => story.end ?? 'terminate';

/** Cuts each chunk in two at a position counted over all bytes. */
function cutAt(chunks: readonly Chunk[], position: number): Chunk[] {
  let before = 0;
  return chunks.flatMap(({ from, bytes }) => {
    const at = Math.min(Math.max(position - before, 0), bytes.length);
    before += bytes.length;
    return [
      { from, bytes: bytes.subarray(0, at) },
      { from, bytes: bytes.subarray(at) },
    ];
  });
}

for (const story of STORIES) {
  describe(story.name, () => {
    const lines = linesOf(story);
    const whole = (): unknown => ledger(relay(chunksOf(lines), endOf(story)));

    it('books each message to its owner', () => {
      assertBooked(relay(chunksOf(lines), endOf(story)), story, lines);
    });

    it('books the same when each message comes alone', () => {
      assertBooked(relay(lines, endOf(story)), story, lines);
    });

    it('books the same when cut at any position', () => {
      const chunks = chunksOf(lines);
      const bytes = chunks.reduce((sum, chunk) => sum + chunk.bytes.length, 0);
      const expected = whole();
      for (let position = 1; position < bytes; position += 1) {
        assert.deepEqual(
          ledger(relay(cutAt(chunks, position), endOf(story))),
          expected,
          `cut at ${position}`,
        );
      }
    });

    it('books the same in random pieces', () => {
      const expected = whole();
      fc.assert(
        fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 }), (lengths) => {
          assert.deepEqual(ledger(relay(cutInto(chunksOf(lines), lengths), endOf(story))), expected);
        }),
        { numRuns: 30 },
      );
    });

    if (story.repliesMayLag === true) {
      it('books the same when the replies lag behind the requests', () => {
        const expected = whole();
        fc.assert(
          fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }), (overtakes) => {
            // The opening keeps its order: a client knows that it is logged in before it asks.
            const reordered = [...OPENING, ...lag(story.lines, overtakes)];
            assert.deepEqual(ledger(relay(chunksOf(reordered), endOf(story))), expected);
          }),
          { numRuns: 50 },
        );
      });
    }
  });
}

describe('random conversations', () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 10 });
  const overtakes = fc.array(fc.boolean(), { minLength: 1, maxLength: 40 });

  it('book each message to its owner, in any pieces, however far the replies lag behind', () => {
    fc.assert(
      fc.property(randomOpening, randomStory, lengths, overtakes, (opening, story, pieces, late) => {
        const lines = [...opening, ...lag(story.lines, late)];
        assertBooked(relay(cutInto(chunksOf(lines), pieces)), story, lines);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('conservation', () => {
  it('holds for every prefix of every story, at any moment', () => {
    for (const story of STORIES) {
      const [chunk] = [Buffer.concat(story.lines.map((line) => line.bytes))];
      assert.ok(chunk.length > 0);
      const pieces = cutInto(chunksOf(linesOf(story)), [3]);
      for (let count = 1; count <= pieces.length; count += 7) {
        const session = relay(pieces.slice(0, count), null);
        const { bookedBytes, protocolBytes } = session;
        if (session.startup !== null) assert.deepEqual(bookedBytes, protocolBytes, story.name);
      }
    }
  });

  it('holds for any bytes whatever, in both directions', () => {
    const bytes = fc.uint8Array({ maxLength: 200 });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), bytes), { maxLength: 20 }), (garbage) => {
        const lines = garbage.map(([fromClient, data]) => (fromClient ? C : S)('opaque', Buffer.from(data)));
        const session = relay([...chunksOf(OPENING), ...lines]);
        assert.deepEqual(session.bookedBytes, session.protocolBytes);
      }),
    );
  });

  it('holds when a story is mutated', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...STORIES),
        fc.array(fc.tuple(fc.nat(5000), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 5 }),
        fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 5 }),
        (story, mutations, lengths) => {
          const chunks = chunksOf(story.lines).map(({ from, bytes }) => ({
            from,
            bytes: Buffer.from(bytes),
          }));
          for (const [at, byte] of mutations) {
            const { bytes } = chunks[at % chunks.length]!;
            bytes[at % bytes.length] = byte;
          }
          const session = relay(cutInto([...chunksOf(OPENING), ...chunks], lengths));
          assert.deepEqual(session.bookedBytes, session.protocolBytes);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
