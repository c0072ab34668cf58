// `npm run fuzz -- [--seconds N] [--seed S]`: random and mutated conversations, in memory and through a real proxy.
// Prints its seed first; exits with 1 on a failure, and with what is needed to repeat it.
import { parseArgs } from 'node:util';
import { serialize } from './corpus.ts';
import { type Failure, fuzz, type Progress } from './fuzz.ts';

/** Heap that may be left over what there was after the first conversations. */
const MAX_GROWTH_BYTES = 64 * 1024 * 1024;
const PROGRESS_EVERY_MS = 10_000;

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '600' }, seed: { type: 'string' } },
});
const seconds = Number(values.seconds);
const seed = values.seed === undefined ? Math.floor(Math.random() * 1e9) : Number(values.seed);
if (!Number.isFinite(seconds) || !Number.isSafeInteger(seed)) {
  process.stderr.write('usage: npm run fuzz -- [--seconds N] [--seed S]\n');
  process.exit(2);
}

process.stdout.write(`seed ${seed}, ${seconds} s\n`);
let heapAtFirst = 0;
let toldAt = performance.now();
let last: Progress | null = null;
const failure = await fuzz(seed, seconds, (progress) => {
  last = progress;
  if (heapAtFirst === 0) heapAtFirst = heapBytes();
  if (performance.now() - toldAt < PROGRESS_EVERY_MS) return;
  toldAt = performance.now();
  process.stdout.write(`${sentence(progress)}, heap ${Math.round(heapBytes() / 1e6)} MB\n`);
});
const growth = heapBytes() - heapAtFirst;
if (failure !== null) tell(failure);
else if (growth > MAX_GROWTH_BYTES) process.stdout.write(`a leak: the heap has grown by ${growth} bytes\n`);
else if (last !== null) process.stdout.write(`no failure in ${sentence(last)}\n`);
process.exitCode = failure === null && growth <= MAX_GROWTH_BYTES ? 0 : 1;

function sentence({ seed: at, inMemory, overSockets }: Progress): string {
  return `${inMemory} conversations in memory and ${overSockets} over sockets, up to seed ${at}`;
}

function tell({ seed: at, where, conversation, error }: Failure): void {
  process.stdout.write(
    `failed ${where}: ${error.message}\n\nrepeat: npm run fuzz -- --seconds 0 --seed ${at}\n` +
      `keep as test/corpus/<name>.json:\n${serialize('what went wrong', conversation)}\n`,
  );
}

function heapBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}
