/**
 * Bytes from a readable listing: hex digits, `"text"` as UTF-8, and `#` comments up to the line's end. Spaces mean
 * nothing: `bytes('51 0000000d # Query, 13 bytes', '"select 1" 00')`.
 */
export function bytes(...lines: readonly string[]): Buffer {
  const parts: Buffer[] = [];
  for (const line of lines) {
    for (const [token] of line.matchAll(/"[^"]*"|#.*$|[^\s"#]+/gm)) {
      if (token.startsWith('#')) continue;
      if (token.startsWith('"')) parts.push(Buffer.from(token.slice(1, -1)));
      else if (/^([\da-f]{2})+$/.test(token)) parts.push(Buffer.from(token, 'hex'));
      else throw new Error(`neither hex nor text nor comment: ${token}`);
    }
  }
  return Buffer.concat(parts);
}

/** A typed message: `message('Q', '"select 1" 00')`. */
export function message(type: string, ...body: readonly string[]): Buffer {
  return typed(type.charCodeAt(0), bytes(...body));
}

/** A typed message around a body. */
export function typed(type: number, body: Buffer): Buffer {
  const header = Buffer.alloc(5);
  header[0] = type;
  header.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([header, body]);
}

/** A packet without a type byte, as the start of a connection has them. */
export function untyped(...body: readonly string[]): Buffer {
  const content = bytes(...body);
  const header = Buffer.alloc(4);
  header.writeInt32BE(content.length + 4);
  return Buffer.concat([header, content]);
}

/** `whole` cut at each of the positions `cuts`, which need no order. Each piece is a buffer of its own. */
export function cutAt(whole: Buffer, cuts: Iterable<number>): Buffer[] {
  const positions = [...new Set([0, ...cuts, whole.length])].toSorted((a, b) => a - b);
  return positions.slice(1).map((end, index) => Buffer.from(whole.subarray(positions[index], end)));
}

/** All ways to cut `whole` in two, and once into single bytes. */
export function* splits(whole: Buffer): Generator<Buffer[]> {
  for (let cut = 0; cut <= whole.length; cut += 1) yield cutAt(whole, [cut]);
  yield cutAt(whole, whole.keys());
}
