/** The beginnings of one buffer, each made once: to make such a view costs more than to use it. */
class Beginnings {
  readonly #buffer: Buffer;
  /** By length. */
  readonly #made: (Buffer | null)[];

  constructor(bytes: number) {
    this.#buffer = Buffer.allocUnsafeSlow(bytes);
    this.#made = Array.from({ length: bytes + 1 }, () => null);
  }

  of(bytes: number): Buffer {
    return (this.#made[bytes] ??= this.#buffer.subarray(0, bytes));
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
