/** Most questions, and most answers to small ones, are shorter. */
const SHORT = 512;
const NONE_MADE: null[] = Array.from({ length: SHORT }, () => null);

/** The beginnings of one buffer, each made once: to make such a view costs more than to use it. */
class Beginnings {
  readonly #buffer: Buffer;
  /** Those of common lengths, by length. Few, for a chunk may be left as soon as it has been made. */
  readonly #short: (Buffer | null)[] = NONE_MADE.slice();
  readonly #long = new Map<number, Buffer>();

  constructor(bytes: number) {
    this.#buffer = Buffer.allocUnsafeSlow(bytes);
  }

  of(bytes: number): Buffer {
    if (bytes < SHORT) return (this.#short[bytes] ??= this.#buffer.subarray(0, bytes));
    const known = this.#long.get(bytes);
    if (known !== undefined) return known;
    const made = this.#buffer.subarray(0, bytes);
    this.#long.set(bytes, made);
    return made;
  }
}

/**
 * Lends all sockets of a process one buffer to read into. What a socket has read is moved out of it at once, to a chunk
 * that in turn serves all of them, one after the other: to move a small message costs little, and an idle
 * connection holds no memory to read into. The chunk cannot be read into itself, for it may stay in use when the kernel
 * does not take what is written, and where a socket reads into cannot be changed between two reads.
 */
export class SharedChunks {
  readonly #bytes: number;
  readonly #input: Beginnings;
  #chunk: Beginnings;

  constructor(bytes: number) {
    this.#bytes = bytes;
    this.#input = new Beginnings(bytes);
    this.#chunk = new Beginnings(bytes);
  }

  /** What sockets read into. */
  get input(): Buffer {
    return this.#input.of(this.#bytes);
  }

  /** Moves a read of so many bytes into the chunk. @returns that part of the chunk; valid until the next read */
  take(bytes: number): Buffer {
    const chunk = this.#chunk.of(bytes);
    chunk.set(this.#input.of(bytes));
    return chunk;
  }

  /** The part that was taken last is still in use: leaves the chunk to whoever uses it. */
  leave(): void {
    this.#chunk = new Beginnings(this.#bytes);
  }
}
