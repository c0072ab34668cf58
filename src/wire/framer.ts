/**
 * What a {@link Framer} tells about the stream it scans. `bytes` in any call counts bytes of the stream, headers
 * included; the calls of one stream, added up, are all its bytes but those still {@link Framer.pending}.
 */
export interface MessageSink {
  /**
   * A message has begun: its five header bytes and as much of its body as was asked for are here.
   *
   * @param type message type byte
   * @param bodyLength length of the whole body, without the header
   * @param buffer holds the body's first bytes at `[from, to)`; valid during the call only
   * @param bytes how many bytes of the message have been seen, header included
   */
  message(type: number, bodyLength: number, buffer: Buffer, from: number, to: number, bytes: number): void;
  /** A run of whole or begun messages of one type whose bodies nobody asked for. */
  run(type: number, messages: number, bytes: number): void;
  /** More body bytes of the message begun last. */
  more(bytes: number): void;
  /** A header claims an impossible length. Nothing is parsed any more; all further bytes come to {@link opaque}. */
  violation(type: number, length: number): void;
  /** Bytes behind a violation. */
  opaque(bytes: number): void;
}

/** Type byte and length. */
export const HEADER_BYTES = 5;

/** How many body bytes to gather, by message type, before the message is announced; -1: announce it in runs. */
export type PrefixTable = Int32Array;

/** Announce this type in runs: only its number of messages and bytes matters. */
export const IN_RUNS = -1;

/**
 * Builds a {@link PrefixTable}.
 *
 * @param wanted bytes of body to gather by message type
 * @param others the same for all types not in `wanted`
 */
export function prefixTable(wanted: ReadonlyMap<number, number>, others = 0): PrefixTable {
  const table = new Int32Array(256).fill(others);
  for (const [type, bytes] of wanted) table[type] = bytes;
  return table;
}

/**
 * Finds the messages in a stream of typed messages (everything after the start-up packet), whatever way it is cut
 * into chunks. Only headers are read. A body is a window on the chunk, and of a body that arrives in pieces only
 * the asked-for prefix is gathered, so memory does not depend on a message's size.
 */
export class Framer {
  readonly #sink: MessageSink;
  readonly #prefixes: PrefixTable;
  /** Body bytes of the announced message that are still to come. */
  #bodyLeft = 0;
  /** Header and prefix of a message that is not announced yet, when they came in pieces. */
  #gathered: Buffer = NOTHING;
  #gatheredBytes = 0;
  #opaque = false;

  constructor(sink: MessageSink, prefixes: PrefixTable) {
    this.#sink = sink;
    this.#prefixes = prefixes;
  }

  /** Bytes scanned but not told to the sink yet: an incomplete header or prefix. */
  get pending(): number {
    return this.#gatheredBytes;
  }

  /** The next byte of the stream belongs to the body of a message that has been announced. */
  get inBody(): boolean {
    return this.#bodyLeft > 0;
  }

  /** The next byte of the stream is the first of a message. */
  get atBoundary(): boolean {
    return this.#bodyLeft === 0 && this.#gatheredBytes === 0;
  }

  /** From here on nothing is parsed: {@link pending} bytes and all that follow are told as opaque. */
  turnOpaque(): void {
    if (this.#opaque) return;
    this.#opaque = true;
    this.#bodyLeft = 0;
    const pending = this.#gatheredBytes;
    this.#forgetGathered();
    if (pending > 0) this.#sink.opaque(pending);
  }

  /** Scans the stream's next bytes, `buffer[from, to)`. The buffer is not kept. */
  scan(buffer: Buffer, from: number, to: number): void {
    let at = from;
    if (this.#bodyLeft > 0 && at < to) {
      const bytes = Math.min(this.#bodyLeft, to - at);
      this.#bodyLeft -= bytes;
      at += bytes;
      this.#sink.more(bytes);
    }
    while (at < to) {
      if (this.#opaque) {
        this.#sink.opaque(to - at);
        return;
      }
      at = this.#gatheredBytes > 0 ? this.#gather(buffer, at, to) : this.#scanWhole(buffer, at, to);
    }
  }

  /** Handles messages whose header and prefix lie in the chunk; returns where it stopped. */
  #scanWhole(buffer: Buffer, from: number, to: number): number {
    const sink = this.#sink;
    const prefixes = this.#prefixes;
    let at = from;
    while (to - at >= HEADER_BYTES) {
      const type = buffer[at]!;
      const length = lengthAt(buffer, at + 1);
      if (length < 4) {
        this.#violate(type, length);
        return at;
      }
      const prefix = prefixes[type]!;
      const end = at + 1 + length;
      if (prefix === IN_RUNS) {
        at = this.#scanRun(buffer, type, at, end, to);
        if (this.#opaque) return at;
        continue;
      }
      const body = at + HEADER_BYTES;
      const wanted = Math.min(length - 4, prefix);
      if (to - body < wanted) break;
      const seen = end < to ? end : to;
      // Before the call: a sink that turns this framer opaque must find it in its final state.
      this.#bodyLeft = end - seen;
      sink.message(type, length - 4, buffer, body, body + wanted, seen - at);
      at = seen;
      if (this.#opaque) return at;
    }
    if (at < to) return this.#gather(buffer, at, to);
    return at;
  }

  /** Follows messages of one type from header to header: the path of DataRow and CopyData. */
  #scanRun(buffer: Buffer, type: number, from: number, firstEnd: number, to: number): number {
    let end = firstEnd;
    let messages = 1;
    while (to - end >= HEADER_BYTES && buffer[end] === type) {
      const length = lengthAt(buffer, end + 1);
      if (length < 4) break;
      end += 1 + length;
      messages += 1;
    }
    const seen = end < to ? end : to;
    this.#bodyLeft = end - seen;
    this.#sink.run(type, messages, seen - from);
    return seen;
  }

  /** Adds to a header or prefix that came in pieces; announces the message once both are complete. */
  #gather(buffer: Buffer, from: number, to: number): number {
    let at = this.#take(buffer, from, to, HEADER_BYTES);
    if (this.#gatheredBytes < HEADER_BYTES) return at;
    const header = this.#gathered;
    const type = header[0]!;
    const length = lengthAt(header, 1);
    if (length < 4) {
      this.#violate(type, length);
      return at;
    }
    const prefix = this.#prefixes[type]!;
    const wanted = Math.min(length - 4, Math.max(prefix, 0));
    at = this.#take(buffer, at, to, HEADER_BYTES + wanted);
    if (this.#gatheredBytes < HEADER_BYTES + wanted) return at;
    const gathered = this.#gathered;
    const bytes = this.#gatheredBytes;
    this.#forgetGathered();
    this.#bodyLeft = length - 4 - wanted;
    if (prefix === IN_RUNS) this.#sink.run(type, 1, bytes);
    else this.#sink.message(type, length - 4, gathered, HEADER_BYTES, bytes, bytes);
    if (this.#bodyLeft > 0 && at < to) {
      const more = Math.min(this.#bodyLeft, to - at);
      this.#bodyLeft -= more;
      at += more;
      this.#sink.more(more);
    }
    return at;
  }

  /** Copies until `target` bytes are gathered or the chunk ends; returns where it stopped. */
  #take(buffer: Buffer, from: number, to: number, target: number): number {
    const missing = target - this.#gatheredBytes;
    if (missing <= 0) return from;
    if (this.#gathered.length < target) {
      const larger = Buffer.allocUnsafe(target);
      this.#gathered.copy(larger, 0, 0, this.#gatheredBytes);
      this.#gathered = larger;
    }
    const end = Math.min(to, from + missing);
    buffer.copy(this.#gathered, this.#gatheredBytes, from, end);
    this.#gatheredBytes += end - from;
    return end;
  }

  #forgetGathered(): void {
    this.#gathered = NOTHING;
    this.#gatheredBytes = 0;
  }

  #violate(type: number, length: number): void {
    this.#sink.violation(type, length);
    this.turnOpaque();
  }
}

const NOTHING: Buffer = Buffer.alloc(0);

/** A message's length field: signed on purpose, so that 2 GB and more is below any lower bound. */
function lengthAt(buffer: Buffer, at: number): number {
  return (buffer[at]! << 24) | (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!;
}
