// One side of a comparison: measures the piece that its parent names, over the channel between them.
import { measureCost, stepsOf } from './cost.ts';
import type { RunningPiece } from './piece.ts';
import { PIECES } from './pieces.ts';

/** `make`: prepare it and let it be compiled; `time`: one round; `allocate`: what a message allocates. */
export type Question = { readonly piece: string; readonly what: 'make' | 'time' | 'allocate' };

/** The figure in ns of CPU time, or in bytes, per message; 0 for `make`. */
export type Answer = { readonly figure: number } | { readonly error: string };

/** Short, so that both sides take turns often. */
const ROUND_MS = 20;

let made: { name: string; messages: number; steps: number; piece: RunningPiece } | null = null;

process.on('message', (question: Question) => {
  void answer(question).then(
    (figure) => process.send?.({ figure }),
    (error: unknown) => process.send?.({ error: error instanceof Error ? error.message : String(error) }),
  );
});
process.on('disconnect', () => process.exit());

async function answer({ piece: name, what }: Question): Promise<number> {
  if (what === 'make' || made?.name !== name) {
    const found = PIECES.find((piece) => piece.name === name);
    if (found === undefined) throw new Error(`there is no piece "${name}"`);
    const piece = found.make();
    const run = (steps: number): void => piece.run(steps);
    made = { name, messages: found.messages, piece, steps: stepsOf(run, ROUND_MS) };
    if (what === 'make') return 0;
  }
  const { piece, steps, messages } = made;
  const run = (times: number): void => piece.run(times);
  if (what === 'allocate') return (await measureCost(run)).heapBytes / messages;
  const before = process.cpuUsage();
  piece.run(steps);
  // CPU time: what others do on the machine in the meantime is theirs.
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / (steps * messages);
}
