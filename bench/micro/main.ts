// What the hot pieces cost for each message, in memory, without sockets: `npm run bench:micro [-- NAME …]` measures all,
// or those whose names hold one of the words. Bytes are what is allocated and left to the garbage collector.
import { table, threeDigits } from '../markdown.ts';
import { measureCost } from './cost.ts';
import { PIECES } from './pieces.ts';

const words = process.argv.slice(2);
const chosen = PIECES.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
if (chosen.length === 0) {
  process.stderr.write(
    `no piece is called so; there are:\n${PIECES.map(({ name }) => `  ${name}\n`).join('')}`,
  );
  process.exit(2);
}

const rows: string[][] = [];
for (const one of chosen) {
  const { name, messages, bytes } = one;
  const piece = one.make();
  let done = 0;
  const { ns, heapBytes, externalBytes } = await measureCost((steps) => {
    done += steps;
    piece.run(steps);
  });
  piece.check(done);
  rows.push([
    name,
    threeDigits(ns / messages),
    bytes === null ? '–' : threeDigits(bytes / ns),
    (heapBytes / messages).toFixed(2),
    (externalBytes / messages).toFixed(2),
  ]);
}
const head = ['piece', 'ns/message', 'GB/s', 'heap bytes/message', 'buffer bytes/message'];
process.stdout.write(`# Hot pieces, Node ${process.versions.node}\n\n${table(head, rows)}\n`);
