import type net from 'node:net';
import type { TLSSocket } from 'node:tls';
import { recordOverhead, recordsOfWrite } from '../wire/tls_records.ts';
import type { TlsTotals } from '../session/leg_totals.ts';
import { recordsSince, type TlsPosition } from './tls_position.ts';

/** A client may ask for records of no more than that (`max_fragment_length`, RFC 6066), and Node does not tell. */
const LEAST_FRAGMENT = 512;

interface Write {
  readonly bytes: number;
  /** The kernel has all of it; only Node's word for it is outstanding. */
  taken: boolean;
  readonly onTaken: () => void;
  readonly onFull: () => void;
  /** Counts of both sockets before it, for as long as it is not taken. */
  readonly before: TlsPosition;
}

/**
 * TLS on top of a leg's socket: writes to it, and counts.
 *
 * All figures come from Node's own counts, those of the socket below (ciphertext) and those of the TLS layer
 * (plaintext); the leg's counters and the session's books know nothing of them, so that they can be compared.
 */
export class TlsChannel implements TlsTotals {
  protocol: string | null = null;
  cipher: string | null = null;
  recordOverhead: number | null = null;
  readonly raw: net.Socket;
  readonly #socket: TLSSocket;
  /** What passed in the clear before. */
  readonly #clear: { readonly in: number; readonly out: number };
  /** Writes that Node has not called back for, the oldest first. */
  readonly #writes: Write[] = [];
  /** Pieces of plaintext that were passed on: OpenSSL hands over a record at a time, and so does Node. */
  #reads = 0;
  /**
   * Plaintext that Node had given out with the last piece. Not asked for later: of a socket that has broken, what Node
   * had decrypted goes from its buffer to nobody.
   */
  #passedOn = 0;
  /** Records that the writes become, unless Node joins two of them. */
  #recordsWritten = 0;
  /** The first write, which nothing but itself tells the records of, is one record whatever the other end has asked for. */
  #isFirstCertain = true;
  /** Some write had to wait for another: Node may have joined it with a third. */
  #hasQueued = false;
  /** Behind the handshake, and the first records of application data. */
  #inFrom: TlsPosition | null = null;
  #outFrom: TlsPosition | null = null;

  constructor(raw: net.Socket, socket: TLSSocket, clear: { readonly in: number; readonly out: number }) {
    this.raw = raw;
    this.#socket = socket;
    this.#clear = clear;
  }

  /** The handshake is done. */
  established(): void {
    this.protocol = this.#socket.getProtocol();
    this.cipher = this.#socket.getCipher().name;
    this.recordOverhead = recordOverhead(this.protocol, this.cipher);
  }

  /** A piece of plaintext is passed on. */
  read(): void {
    this.#reads += 1;
    this.#passedOn = this.#socket.bytesRead - this.#socket.readableLength;
    if (this.#reads > 1) return;
    // In the next turn all that was read with it has been decrypted.
    setImmediate(() => {
      if (this.#socket.readableLength === 0) this.#inFrom = this.#inNow;
    });
  }

  /**
   * As {@link Leg.write}. Node calls back for a write over TLS in the next turn of the event loop at the earliest,
   * whether or not the kernel took it at once. To take that turn for back-pressure would book a stall for each chunk,
   * so the socket below is asked.
   *
   * @param onTaken called later when the kernel had not taken it yet, and not if the connection breaks before
   * @param onFull the kernel does not take it: called at most once, before `onTaken`
   */
  write(chunk: Buffer, onTaken: () => void, onFull: () => void): boolean {
    const before = this.#written;
    const write = { bytes: chunk.length, taken: false, onTaken, onFull, before };
    const alone = this.#writes.length === 0;
    if (before.records === 0) this.#isFirstCertain = chunk.length <= LEAST_FRAGMENT;
    if (!alone) this.#hasQueued = true;
    // Node is done with the first write, and so with the handshake.
    else if (this.#outFrom === null && before.records > 0) this.#outFrom = before;
    this.#recordsWritten += recordsOfWrite(chunk.length);
    this.#writes.push(write);
    // A copy: Node keeps the chunk while another write is under way, and the reader's buffer is used again.
    this.#socket.write(Buffer.from(chunk), this.#called);
    if (!alone || this.#socket.errored !== null) return false;
    write.taken = this.#kernelTook(write);
    if (!write.taken) onFull();
    return write.taken;
  }

  get socketIn(): number {
    return this.raw.bytesRead;
  }

  get socketOut(): number {
    return this.#waiting?.before.socket ?? this.raw.bytesWritten;
  }

  get overheadIn(): number {
    return this.socketIn - this.#clear.in - this.#passedOn;
  }

  get overheadOut(): number {
    const { socket, plain } = this.#outNow;
    return socket - this.#clear.out - plain;
  }

  get recordsIn(): number | null {
    if (this.#reads === 0 && this.recordOverhead !== null) return 0;
    return recordsSince(this.#inFrom, this.#inNow, this.recordOverhead, (records) => records === this.#reads);
  }

  get recordsOut(): number | null {
    if (!this.#isFirstCertain) return null;
    const now = this.#outNow;
    // There is nothing to compare a single write with.
    if (this.#outFrom === null && !this.#hasQueued && this.recordOverhead !== null) return now.records;
    return recordsSince(this.#outFrom, now, this.recordOverhead, (records) => records <= now.records);
  }

  /** The figures as they stand, without the sockets that they come from. */
  figures(): TlsTotals {
    const { protocol, cipher, socketIn, socketOut, overheadIn, overheadOut } = this;
    const { recordOverhead: perRecord, recordsIn, recordsOut } = this;
    return {
      protocol,
      cipher,
      socketIn,
      socketOut,
      overheadIn,
      overheadOut,
      recordOverhead: perRecord,
      recordsIn,
      recordsOut,
    };
  }

  get #inNow(): TlsPosition {
    return { socket: this.socketIn, plain: this.#socket.bytesRead, records: this.#reads };
  }

  /** All that was written, whether or not it was taken. */
  get #written(): TlsPosition {
    return {
      socket: this.raw.bytesWritten,
      plain: this.#socket.bytesWritten,
      records: this.#recordsWritten,
    };
  }

  get #outNow(): TlsPosition {
    return this.#waiting?.before ?? this.#written;
  }

  /** The oldest write that the kernel has not taken. */
  get #waiting(): Write | undefined {
    return this.#writes.find(({ taken }) => !taken);
  }

  /**
   * The ciphertext of a write, which is longer than its plaintext, has been given to the socket below, and nothing
   * waits there. Where Node does not say so (its handle is no public API), its callback will.
   */
  #kernelTook(write: Write): boolean {
    const handle: unknown = Reflect.get(this.raw, '_handle');
    if (typeof handle !== 'object' || handle === null) return false;
    const queued: unknown = Reflect.get(handle, 'writeQueueSize');
    return queued === 0 && this.raw.bytesWritten - write.before.socket > write.bytes;
  }

  readonly #called = (error?: Error | null): void => {
    // A write that failed, and those behind it, stay: they are lost.
    if (error !== undefined && error !== null) return;
    const write = this.#writes.shift()!;
    const [next] = this.#writes;
    if (!write.taken) write.onTaken();
    // Its ciphertext was given to the socket below when this one had gone.
    if (next === undefined || next.taken) return;
    next.taken = this.#kernelTook(next);
    if (next.taken) next.onTaken();
    else next.onFull();
  };
}
