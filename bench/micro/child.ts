// Measures the one piece that its parent names, over the channel between them.
import { allocatedBytes, cpuMs, stepsOf } from './cost.ts';
import type { Piece } from './piece.ts';
import { loadKnownPieces } from './pieces.ts';

/** `make`: prepare it and let it be compiled; `time`: one round; `allocate`: what a message allocates. */
export type Question = { readonly piece: string; readonly what: 'make' | 'time' | 'allocate' };

/** The figure in ns of CPU time, or in bytes, per message; 0 for `make`. */
export type Answer = { readonly figure: number } | { readonly error: string };

/** Short, so that two sides take turns often. */
const ROUND_MS = 20;
/** Until V8 has optimized what it finds to be hot. */
const WARM_UP_MS = 150;

/** A piece that is made, proved each time it has run. */
class Made {
  readonly name: string;
  readonly messages: number;
  readonly steps: number;
  readonly run: (steps: number) => void;

  constructor(piece: Piece) {
    const running = piece.make();
    let done = 0;
    this.name = piece.name;
    this.messages = piece.messages;
    this.run = (steps) => {
      running.run(steps);
      done += steps;
    };
    stepsOf(this.run, WARM_UP_MS);
    this.steps = stepsOf(this.run, ROUND_MS);
    running.check(done);
  }
}

const pieces = loadKnownPieces();
let made: Made | null = null;

process.on('message', (question: Question) => {
  void answer(question).then(
    (figure) => process.send?.({ figure }),
    (error: unknown) => process.send?.({ error: error instanceof Error ? error.message : String(error) }),
  );
});
process.on('disconnect', () => process.exit());

async function answer({ piece: name, what }: Question): Promise<number> {
  if (made?.name !== name) {
    const found = (await pieces).find((piece) => piece.name === name);
    if (found === undefined) throw new Error(`there is no piece "${name}"`);
    made = new Made(found);
  }
  const { run, steps, messages } = made;
  if (what === 'make') return 0;
  if (what === 'allocate') return (await allocatedBytes(run, steps)) / messages;
  return (cpuMs(run, steps) * 1e6) / (steps * messages);
}
