// Ways to cut and to interleave the two sides of a conversation.
import type { Chunk, Line } from './story.ts';

/** Cuts chunks into pieces whose lengths come from a list, over and over. */
export function cutInto(chunks: readonly Chunk[], lengths: readonly number[]): Chunk[] {
  let turn = 0;
  return chunks.flatMap(({ from, bytes }) => {
    const pieces: Chunk[] = [];
    for (let at = 0; at < bytes.length;) {
      const length = lengths[turn % lengths.length]!;
      turn += 1;
      pieces.push({ from, bytes: bytes.subarray(at, at + length) });
      at += length;
    }
    return pieces;
  });
}

/** Lets replies come later: the client's lines overtake those of the server, but never the other way round. */
export function lag(lines: readonly Line[], overtakes: readonly boolean[]): Line[] {
  const late: Line[] = [];
  const merged: Line[] = [];
  for (const [index, line] of lines.entries()) {
    if (line.from === 'server') {
      late.push(line);
      continue;
    }
    if (!overtakes[index % overtakes.length]!) merged.push(...late.splice(0));
    merged.push(line);
  }
  return [...merged, ...late];
}
