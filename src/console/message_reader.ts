/** Longer messages are passed on in pieces, unread. */
const MAX_MESSAGE_BYTES = 1024 * 1024;
const HEADER_BYTES = 5;
const NOTHING: Buffer = Buffer.alloc(0);

/** What a stream of messages consists of: whole messages, and pieces of those that are too long to be held. */
export interface MessageSink {
  /** @param bytes the whole message, header included */
  message(type: number, bytes: Buffer): void;
  /** The first piece of a message that is too long to be read. */
  large(type: number, piece: Buffer): void;
  /** A further piece of it; `last` ends it. */
  piece(piece: Buffer, last: boolean): void;
  /** A length that no message has; what follows cannot be read. */
  violated(): void;
}

/** Cuts a stream into messages, however it comes. What is handed out is copied. */
export class MessageReader {
  readonly #sink: MessageSink;
  /** The beginning of a message; room to spare, so that one that comes in many pieces is not copied for each of them. */
  #held = NOTHING;
  #heldBytes = 0;
  /** What must be held for anything to be told of it. */
  #wanted = HEADER_BYTES;
  /** Bytes of a long message that are still to come. */
  #left = 0;

  constructor(sink: MessageSink) {
    this.#sink = sink;
  }

  read(chunk: Buffer): void {
    this.#hold(chunk);
    if (this.#left === 0 && this.#heldBytes < this.#wanted) return;
    let bytes = this.#held.subarray(0, this.#heldBytes);
    this.#held = NOTHING;
    this.#heldBytes = 0;
    this.#wanted = HEADER_BYTES;
    while (bytes.length > 0) {
      if (this.#left > 0) {
        const piece = bytes.subarray(0, this.#left);
        this.#left -= piece.length;
        bytes = bytes.subarray(piece.length);
        this.#sink.piece(piece, this.#left === 0);
        continue;
      }
      if (bytes.length < HEADER_BYTES) break;
      const length = 1 + bytes.readInt32BE(1);
      if (length < HEADER_BYTES) {
        this.#sink.violated();
        return;
      }
      if (length > MAX_MESSAGE_BYTES) {
        const type = bytes[0]!;
        const piece = bytes.subarray(0, length);
        this.#left = length - piece.length;
        bytes = bytes.subarray(piece.length);
        this.#sink.large(type, piece);
        continue;
      }
      if (bytes.length < length) {
        this.#wanted = length;
        break;
      }
      const message = bytes.subarray(0, length);
      bytes = bytes.subarray(length);
      this.#sink.message(message[0]!, message);
    }
    this.#hold(bytes);
  }

  #hold(bytes: Buffer): void {
    const length = this.#heldBytes + bytes.length;
    if (length > this.#held.length) {
      const grown = Buffer.allocUnsafe(Math.max(length, 2 * this.#held.length));
      this.#held.copy(grown, 0, 0, this.#heldBytes);
      this.#held = grown;
    }
    bytes.copy(this.#held, this.#heldBytes);
    this.#heldBytes = length;
  }
}
