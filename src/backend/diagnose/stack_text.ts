/** How many frames are kept, innermost first. */
const MAX_FRAMES = 64;

/**
 * The functions on a stack, innermost first, as eu-stack and gdb print them; `??` for one without a name (a stripped
 * server names its exported functions only).
 */
export function parseUserStack(text: string): string[] {
  const frames: string[] = [];
  for (const line of text.split('\n')) {
    const found = /^#\d+\s+(?:0x[\da-f]+\s*)?(.*)$/i.exec(line);
    if (found === null) continue;
    const name = found[1]!.trim().replace(/^in /, '');
    frames.push(/^[\w@.:~]+/.exec(name)?.[0].replace(/@.*$/, '') ?? '??');
    if (frames.length === MAX_FRAMES) break;
  }
  return frames;
}

/** The functions of `/proc/PID/stack`, innermost first. */
export function parseKernelStack(text: string): string[] {
  return [...text.matchAll(/^\[<[^>]*>\] ([\w.]+)/gm)].map((found) => found[1]!).slice(0, MAX_FRAMES);
}
