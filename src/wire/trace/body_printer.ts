import { characterBoundary, endOfString } from '../text.ts';
import { escapeBytes, escapeText } from './escape.ts';

const NULL_LENGTH = -1;

/**
 * Reads a message's body from its start and prints it field by field, as libpq's PQtrace does. A field that is not
 * there as a whole is printed as far as it goes, and stops the printer: all fields behind it print nothing and read
 * as 0. So whatever the body holds, printing it ends.
 */
export class BodyPrinter {
  readonly #buffer: Buffer;
  readonly #to: number;
  readonly #bodyEnd: number;
  #at: number;
  #text = '';
  /** `cut`: the next field goes on behind the bytes that were gathered. `malformed`: behind the body. */
  #state: 'reading' | 'cut' | 'malformed' = 'reading';

  /**
   * @param bodyLength length of the whole body; `buffer[from, to)` may hold less
   */
  constructor(buffer: Buffer, from: number, to: number, bodyLength: number) {
    this.#buffer = buffer;
    this.#at = from;
    this.#to = to;
    this.#bodyEnd = from + bodyLength;
  }

  /** Nothing more can be printed. */
  get stopped(): boolean {
    return this.#state !== 'reading';
  }

  /** One character. */
  byte(): number {
    const at = this.#take(1);
    if (at < 0) return 0;
    this.#text += ` ${escapeBytes(this.#buffer, at, at + 1)}`;
    return this.#buffer[at]!;
  }

  /** Unsigned, as in libpq. */
  int16(): number {
    const at = this.#take(2);
    if (at < 0) return 0;
    const value = this.#buffer.readUInt16BE(at);
    this.#text += ` ${value}`;
    return value;
  }

  int32(): number {
    const value = this.unprintedInt32();
    if (!this.stopped) this.#text += ` ${value}`;
    return value;
  }

  unprintedInt32(): number {
    const at = this.#take(4);
    return at < 0 ? 0 : this.#buffer.readInt32BE(at);
  }

  /**
   * A string that ends with NUL.
   *
   * @returns its length, without the NUL
   */
  string(): number {
    if (this.stopped) return 0;
    const from = this.#at;
    const nul = endOfString(this.#buffer, from, this.#to);
    if (nul < 0) this.#stopShort();
    const to = nul < 0 ? this.#lastWholeCharacter() : nul;
    this.#text += ` "${escapeText(this.#buffer, from, to)}"`;
    this.#at = nul < 0 ? to : nul + 1;
    return to - from;
  }

  /** A length and so many bytes; -1 stands for NULL. */
  value(): void {
    const length = this.int32();
    if (length === NULL_LENGTH || this.stopped) return;
    if (length < 0) this.#state = 'malformed';
    else this.#bytes(length);
  }

  /** All bytes that are left. */
  rest(): void {
    if (!this.stopped) this.#bytes(this.#bodyEnd - this.#at);
  }

  /** How many bytes are left, for what they are is nobody's business. */
  secret(): void {
    if (this.stopped) return;
    this.#text += ` <${this.#bodyEnd - this.#at} bytes>`;
    this.#at = this.#bodyEnd;
  }

  /** Reads the NUL that ends a list, if it is here, and prints nothing. False: the list goes on. */
  endOfList(): boolean {
    if (this.stopped) return true;
    if (this.#at < this.#to && this.#buffer[this.#at] !== 0) return false;
    this.#take(1);
    return true;
  }

  /** All that was printed, with a mark when that is not the whole body and nothing but the body. */
  finish(): string {
    const left = this.#bodyEnd - this.#at;
    if (this.#state === 'cut') return `${this.#text} ...(${left} bytes more)`;
    if (this.#state === 'malformed' || left > 0) return `${this.#text} ...(malformed, ${left} bytes left)`;
    return this.#text;
  }

  #bytes(length: number): void {
    const to = Math.min(this.#at + length, this.#to);
    if (to - this.#at < length) this.#stopShort();
    this.#text += ` '${escapeBytes(this.#buffer, this.#at, to)}'`;
    this.#at = to;
  }

  /** Where the next `bytes` bytes begin; -1 when they are not there. */
  #take(bytes: number): number {
    if (this.stopped) return -1;
    const at = this.#at;
    if (this.#to - at < bytes) {
      this.#stopShort();
      return -1;
    }
    this.#at += bytes;
    return at;
  }

  #stopShort(): void {
    this.#state = this.#to < this.#bodyEnd ? 'cut' : 'malformed';
  }

  #lastWholeCharacter(): number {
    return this.#state === 'cut' ? characterBoundary(this.#buffer, this.#at, this.#to) : this.#to;
  }
}
