// A client that keeps its own books: a script says whose each message is, and nothing of pgnetflow's parsing is used.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import type { SessionRecord } from '../../src/report/model.ts';
import { client as encode } from './messages.ts';

/** Whose a message is: the statement with that number, counted from 1, or an account that is no statement. */
export type Owner = number | 'startup' | 'async' | 'control';

/** A message from the server. */
export interface Received {
  readonly type: string;
  /** Header included. */
  readonly bytes: number;
  /** Its beginning. */
  readonly body: Buffer;
}

interface Figures {
  bytes: number;
  messages: number;
}

/** Bytes kept of a message's body: enough for an error, a tag or a small row. */
const KEPT_BYTES = 1024;

export class CountingClient {
  readonly socket: net.Socket;
  readonly #books = new Map<Owner, { R: Figures; S: Figures }>();
  #received: Received[] = [];
  #next = 0;
  #closed = false;
  #wake: () => void = () => undefined;
  /** The message that is being read: its header, then what is kept of its body. */
  readonly #header = Buffer.alloc(5);
  #headerBytes = 0;
  #bodyLeft = 0;
  #body: Buffer[] = [];
  #bodyKept = 0;
  #bytesOwed = 0;

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#closed = true;
      this.#wake();
    });
  }

  /** Opens a session and reads up to the first ReadyForQuery. */
  static async connect(
    to: { readonly host: string; readonly port: number },
    parameters: Record<string, string> = {},
  ): Promise<CountingClient> {
    const client = await CountingClient.open(to);
    client.send('startup', encode.startup({ user: 'postgres', database: 'postgres', ...parameters }));
    await client.receive('startup', 'Z');
    return client;
  }

  /** Opens a connection and sends nothing. It ends with the proxy at the latest. */
  static async open(to: { readonly host: string; readonly port: number }): Promise<CountingClient> {
    const socket = net.connect({ host: to.host, port: to.port });
    const client = new CountingClient(socket);
    await once(socket, 'connect');
    return client;
  }

  /** Sends messages, a write for all of them. */
  send(owner: Owner, ...messages: readonly Buffer[]): void {
    const { R } = this.#figures(owner);
    for (const message of messages) R.bytes += message.length;
    R.messages += messages.length;
    this.socket.write(messages.length === 1 ? messages[0]! : Buffer.concat(messages));
  }

  /** Sends bytes of a message that has begun, or only a part of one (`messages` 0 or 1). */
  sendBytes(owner: Owner, bytes: Buffer, messages: number): void {
    const { R } = this.#figures(owner);
    R.bytes += bytes.length;
    R.messages += messages;
    this.socket.write(bytes);
  }

  /** Waits until the kernel has taken what was sent. */
  async drained(): Promise<void> {
    if (this.socket.writableNeedDrain) await once(this.socket, 'drain');
  }

  /** Reads up to and including a message of one of the types, which all belong to one owner. */
  async receive(owner: Owner, types: string): Promise<Received[]> {
    const messages: Received[] = [];
    for (;;) {
      const message = await this.next(owner);
      messages.push(message);
      if (types.includes(message.type)) return messages;
    }
  }

  /** Reads one message. */
  async next(owner: Owner): Promise<Received> {
    while (this.#next === this.#received.length) {
      if (this.#closed) throw new Error('the connection was closed before the expected message came');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const message = this.#received[this.#next]!;
    this.#next += 1;
    if (this.#next === 1024) {
      this.#received = this.#received.slice(this.#next);
      this.#next = 0;
    }
    const { S } = this.#figures(owner);
    S.bytes += message.bytes;
    S.messages += 1;
    return message;
  }

  /** A Query and its replies. */
  async query(owner: Owner, sql: string): Promise<Received[]> {
    this.send(owner, encode.query(sql));
    return this.receive(owner, 'Z');
  }

  /** Says good-bye and waits until the connection is closed. */
  async end(): Promise<void> {
    this.send('control', encode.terminate());
    await this.closed();
  }

  async closed(): Promise<void> {
    if (!this.#closed) await once(this.socket, 'close');
  }

  /** Figures of one owner so far. */
  figures(owner: Owner): { readonly R: Readonly<Figures>; readonly S: Readonly<Figures> } {
    return this.#figures(owner);
  }

  /** Asserts that a session's books are this client's own, statement by statement. */
  assertBooked(session: SessionRecord): void {
    assert.equal(this.#next, this.#received.length, 'messages that the script did not read');
    const numbers = [...this.#books.keys()].filter((owner): owner is number => typeof owner === 'number');
    const mine = numbers.toSorted((a, b) => a - b).map((seq) => ({ seq, ...this.figures(seq) }));
    const theirs = session.statements.map(({ seq, R, S }) => ({
      seq,
      R: { bytes: R.bytes, messages: R.messages },
      S: { bytes: S.bytes, messages: S.messages },
    }));
    assert.deepEqual(theirs, mine, 'bytes and messages by statement');
    for (const account of ['startup', 'async', 'control'] as const) {
      const { R, S } = this.figures(account);
      const { R: bytesR, S: bytesS, messages } = session.accounts[account];
      assert.deepEqual(
        { R: [bytesR, messages.R], S: [bytesS, messages.S] },
        { R: [R.bytes, R.messages], S: [S.bytes, S.messages] },
        account,
      );
    }
    assert.deepEqual([session.accounts.opaque.R, session.accounts.opaque.S], [0, 0], 'opaque');
    for (const direction of ['R', 'S'] as const) {
      const all = [...this.#books.values()].map((figures) => figures[direction]);
      const bytes = all.reduce((sum, one) => sum + one.bytes, 0);
      const messages = all.reduce((sum, one) => sum + one.messages, 0);
      const { bytes: sessionBytes, messages: sessionMessages } = session[direction];
      assert.deepEqual({ sessionBytes, sessionMessages }, { sessionBytes: bytes, sessionMessages: messages });
    }
    assert.equal(session.wire.client.bytes_in, this.socket.bytesWritten, 'written by the client');
    assert.equal(session.wire.client.bytes_out, this.socket.bytesRead, 'read by the client');
    assert.deepEqual(session.imbalances, []);
    assert.equal(session.balanced, true);
  }

  #figures(owner: Owner): { R: Figures; S: Figures } {
    let figures = this.#books.get(owner);
    if (figures === undefined) {
      figures = { R: { bytes: 0, messages: 0 }, S: { bytes: 0, messages: 0 } };
      this.#books.set(owner, figures);
    }
    return figures;
  }

  #read(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#headerBytes < 5) {
        const copied = chunk.copy(this.#header, this.#headerBytes, at);
        this.#headerBytes += copied;
        at += copied;
        if (this.#headerBytes < 5) return;
        this.#bodyLeft = this.#header.readInt32BE(1) - 4;
        this.#bytesOwed = this.#bodyLeft + 5;
      }
      const part = chunk.subarray(at, at + this.#bodyLeft);
      if (this.#bodyKept < KEPT_BYTES && part.length > 0) {
        const kept = Buffer.from(part.subarray(0, KEPT_BYTES - this.#bodyKept));
        this.#body.push(kept);
        this.#bodyKept += kept.length;
      }
      at += part.length;
      this.#bodyLeft -= part.length;
      if (this.#bodyLeft === 0) this.#completed();
    }
  }

  #completed(): void {
    this.#received.push({
      type: this.#header.toString('latin1', 0, 1),
      bytes: this.#bytesOwed,
      body: Buffer.concat(this.#body),
    });
    this.#headerBytes = 0;
    this.#body = [];
    this.#bodyKept = 0;
    this.#wake();
  }
}

/** The type bytes of some messages, runs shortened: `TD*3CZ`. */
export function typesOf(messages: readonly Received[]): string {
  const letters = messages.map((message) => message.type).join('');
  return letters.replaceAll(/(.)\1+/g, (run, letter: string) => `${letter}*${run.length}`);
}
