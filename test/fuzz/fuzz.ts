import fc from 'fast-check';
import { type Conversation, mutatedConversation, mutatedStart, validConversation } from './conversation.ts';
import { checkInMemory } from './in_memory.ts';
import { SocketLab } from './socket_lab.ts';

/** A conversation that pgnetflow gets wrong, shrunk, and the seed that leads to it. */
export interface Failure {
  readonly seed: number;
  readonly where: 'in memory' | 'over sockets';
  readonly conversation: Conversation;
  readonly error: Error;
}

export interface Progress {
  readonly seed: number;
  readonly inMemory: number;
  readonly overSockets: number;
}

/** Conversations of one seed: many in memory, where they are cheap, and some over sockets. */
const IN_MEMORY = 300;
const OVER_SOCKETS = 30;
/** How long a failure may be made smaller. */
const SHRINKING_MS = 20_000;

const anyConversation = fc.oneof(
  { arbitrary: validConversation, weight: 3 },
  { arbitrary: mutatedConversation, weight: 6 },
  { arbitrary: mutatedStart, weight: 1 },
);

/**
 * Plays random conversations, seed after seed, until the time is over; always those of one seed at least.
 *
 * @returns the first failure, or null
 */
export async function fuzz(
  firstSeed: number,
  seconds: number,
  progressed: (progress: Progress) => void,
): Promise<Failure | null> {
  const deadline = performance.now() + seconds * 1000;
  const lab = await SocketLab.open();
  const over = { inMemory: 0, overSockets: 0 };
  let failure: Failure | null = null;
  for (
    let seed = firstSeed;
    failure === null && (seed === firstSeed || performance.now() < deadline);
    seed += 1
  ) {
    const options = { seed, numRuns: IN_MEMORY, interruptAfterTimeLimit: SHRINKING_MS };
    const memory = fc.check(fc.property(anyConversation, checkInMemory), options);
    const sockets = await fc.check(
      fc.asyncProperty(anyConversation, async (conversation) => lab.check(conversation)),
      { ...options, numRuns: OVER_SOCKETS },
    );
    over.inMemory += memory.numRuns;
    over.overSockets += sockets.numRuns;
    failure = failureOf(seed, 'in memory', memory) ?? failureOf(seed, 'over sockets', sockets);
    progressed({ seed, ...over });
  }
  lab.close();
  return failure;
}

function failureOf(
  seed: number,
  where: Failure['where'],
  details: fc.RunDetails<[Conversation]>,
): Failure | null {
  if (!details.failed || details.counterexample === null) return null;
  const { errorInstance } = details;
  const error = errorInstance instanceof Error ? errorInstance : new Error(String(errorInstance));
  return { seed, where, conversation: details.counterexample[0], error };
}
