// What the hot pieces cost for each message, in memory, without sockets: `npm run bench:micro [-- WORD …]` measures all,
// or those whose names hold one of the words. Allocated is what is left to the garbage collector: JavaScript's heap, and
// Buffers outside of it.
import { fileURLToPath } from 'node:url';
import { table, threeDigits } from '../markdown.ts';
import { spread } from '../statistics.ts';
import { loadPieces } from './pieces.ts';
import { Side } from './side.ts';

const ROUNDS = 9;
const CHILD = fileURLToPath(new URL('child.js', import.meta.url));

const words = process.argv.slice(2);
const all = await loadPieces();
const chosen = all.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
if (chosen.length === 0) {
  process.stderr.write(`no piece is called so; there are:\n${all.map(({ name }) => `  ${name}\n`).join('')}`);
  process.exit(2);
}

const rows: string[][] = [];
for (const { name, messages, bytes } of chosen) {
  // A process of its own, so that V8 knows no other piece.
  const side = new Side(CHILD);
  try {
    await side.ask({ piece: name, what: 'make' });
    const durations: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      durations.push(await side.ask({ piece: name, what: 'time' }));
    }
    const ns = spread(durations)!.median;
    const allocated = await side.ask({ piece: name, what: 'allocate' });
    const gigabytes = bytes === null ? '–' : threeDigits(bytes / messages / ns);
    rows.push([name, threeDigits(ns), gigabytes, allocated.toFixed(2)]);
  } finally {
    side.end();
  }
}
const head = ['piece', 'ns/message', 'GB/s', 'bytes allocated/message'];
process.stdout.write(`# Hot pieces, CPU time, Node ${process.versions.node}\n\n${table(head, rows)}\n`);
