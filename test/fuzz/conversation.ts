import fc from 'fast-check';
import { cutInto, lag } from '../support/interleave.ts';
import { randomOpening, randomStory } from '../support/random_story.ts';
import { type Chunk, chunksOf } from '../support/story.ts';
import { mutate, mutation } from './mutation.ts';

/** How two scripted peers end their session. */
export type Ending = 'client ends' | 'server ends' | 'both end' | 'client resets' | 'server resets';

/** What is said, in which pieces, and how it ends. */
export interface Conversation {
  readonly chunks: readonly Chunk[];
  readonly pieces: readonly number[];
  readonly ending: Ending;
  /** Whether a piece must have arrived before the next one is sent, over and over. */
  readonly waits: readonly boolean[];
}

export const anyPieces = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 10 });
const anyBooleans = fc.array(fc.boolean(), { minLength: 1, maxLength: 20 });

const shape = {
  pieces: anyPieces,
  ending: fc.constantFrom<Ending[]>(
    'client ends',
    'server ends',
    'both end',
    'client resets',
    'server resets',
  ),
  waits: anyBooleans,
};

/** Opening and story, as far as the replies lag behind. */
const said = fc
  .tuple(randomOpening, randomStory, anyBooleans)
  .map(([opening, story, late]): Chunk[] => [...opening, ...lag(story.lines, late)]);

export const validConversation: fc.Arbitrary<Conversation> = fc.record({
  chunks: said.map(joined),
  ...shape,
});

export const mutatedConversation: fc.Arbitrary<Conversation> = fc.record({
  chunks: fc
    .tuple(said, fc.array(mutation, { minLength: 1, maxLength: 5 }))
    .map(([messages, mutations]) => joined(mutate(messages, mutations))),
  ...shape,
});

/** Whose StartupMessage is wrong, too. */
export const mutatedStart: fc.Arbitrary<Conversation> = fc.record({
  chunks: fc
    .tuple(said, fc.array(mutation, { maxLength: 3 }), fc.array(mutation, { minLength: 1, maxLength: 3 }))
    .map(([messages, mutations, atStart]) => {
      const [startup, ...rest] = mutate(messages, mutations);
      return joined([...mutate([startup!], atStart, true), ...rest]);
    }),
  ...shape,
});

function joined(messages: readonly Chunk[]): Chunk[] {
  return chunksOf(messages.map(({ from, bytes }) => ({ from, bytes, owner: 'control', messages: 1 })));
}

export function piecesOf({ chunks, pieces }: Conversation): Chunk[] {
  return cutInto(chunks, pieces);
}

/** All that one side says. */
export function streamOf(conversation: Pick<Conversation, 'chunks'>, from: Chunk['from']): Buffer {
  return Buffer.concat(conversation.chunks.filter((chunk) => chunk.from === from).map(({ bytes }) => bytes));
}
