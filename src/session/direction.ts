import { Framer, type MessageSink, type PrefixTable } from '../wire/framer.ts';
import type { Account, Flow } from './account.ts';
import type { Conversation } from './conversation.ts';
import { Statement } from './statement.ts';

/** A header that cannot be: everything behind it is relayed unread. */
export interface Violation {
  readonly from: 'client' | 'server';
  readonly type: number;
  readonly length: number;
}

/**
 * Books the bytes of one direction: each byte goes to the owner of its message, each read and write to the owner of
 * its first byte.
 */
export abstract class Direction implements MessageSink {
  protected readonly conversation: Conversation;
  readonly #framer: Framer;
  readonly #onViolation: (violation: Violation) => void;
  /** Owner of the message announced last. */
  #owner: Account;
  /** Owner of the first byte of the chunk scanned last. */
  #firstOwner: Account;
  /** Reads and writes whose first byte belongs to a message that is not announced yet. */
  #unownedReads = 0;
  #unownedWrites = 0;
  /** Statements that this direction's last chunk has finished. */
  #finished: Statement[] = [];
  /** All that was scanned has been handed on. */
  allHandedOn = true;
  /** Protocol bytes scanned. */
  bytes = 0;
  /** Of these, those that have an owner. */
  #booked = 0;

  constructor(
    conversation: Conversation,
    prefixes: PrefixTable,
    onViolation: (violation: Violation) => void,
  ) {
    this.conversation = conversation;
    this.#framer = new Framer(this, prefixes);
    this.#onViolation = onViolation;
    this.#owner = conversation.accounts.startup;
    this.#firstOwner = this.#owner;
  }

  protected abstract readonly from: 'client' | 'server';
  protected abstract flowOf(account: Account): Flow;

  abstract message(
    type: number,
    bodyLength: number,
    buffer: Buffer,
    from: number,
    to: number,
    bytes: number,
  ): void;
  abstract run(type: number, messages: number, bytes: number): void;

  /** Bytes of a message whose owner is not known yet, for its header or names are incomplete. */
  get pending(): number {
    return this.#framer.pending;
  }

  /** Offset in the stream of the first byte that has no owner yet. */
  get position(): number {
    return this.#booked;
  }

  /** The stream stands between two messages. */
  get atBoundary(): boolean {
    return this.#framer.atBoundary;
  }

  /** Whom the last byte belongs to. */
  get owner(): Account {
    return this.#owner;
  }

  /** Books one read of the bytes `buffer[from, to)`, or none when they came with an untyped packet. */
  scan(buffer: Buffer, from: number, to: number, reads: 0 | 1 = 1): void {
    this.bytes += to - from;
    this.allHandedOn = false;
    this.conversation.finished = this.#finished;
    if (reads === 0) {
      // The packet's owner has that read.
    } else if (this.#framer.inBody) {
      this.#firstOwner = this.#open(this.#owner);
      this.flowOf(this.#firstOwner).reads += 1;
    } else {
      this.#unownedReads += 1;
    }
    this.#framer.scan(buffer, from, to);
  }

  /** Books one read of so many bytes that nobody looks at. */
  relayUnread(bytes: number): void {
    this.bytes += bytes;
    this.#firstOwner = this.conversation.accounts.opaque;
    const flow = this.flowOf(this.#firstOwner);
    flow.bytes += bytes;
    flow.reads += 1;
  }

  /** Books one write of the chunk that was scanned last. */
  wrote(): void {
    if (this.#unownedReads > 0) this.#unownedWrites += 1;
    else this.flowOf(this.#firstOwner).writes += 1;
  }

  /** All chunks are handed on. @returns the statements that the last ones have finished */
  handedOn(): Statement[] {
    this.allHandedOn = true;
    const finished = this.#finished;
    if (finished.length > 0) this.#finished = [];
    return finished;
  }

  /** The next byte of this direction belongs to the body of a message of that statement. */
  inBodyOf(statement: Statement): boolean {
    return this.#owner === statement && this.#framer.inBody;
  }

  /** Keeps a finished statement until more of this direction is handed on. */
  finishLater(statement: Statement): void {
    this.#finished.push(statement);
  }

  /** Books an untyped packet that came in so many reads. */
  untyped(owner: Account, bytes: number, reads: number): void {
    this.bytes += bytes;
    this.#unownedReads += reads;
    this.book(owner, 1, bytes);
  }

  turnOpaque(): void {
    this.#framer.turnOpaque();
  }

  more(bytes: number): void {
    this.book(this.#owner, 0, bytes);
  }

  opaque(bytes: number): void {
    this.book(this.conversation.accounts.opaque, 0, bytes);
  }

  violation(type: number, length: number): void {
    this.#onViolation({ from: this.from, type, length });
  }

  protected book(owner: Account, messages: number, bytes: number): void {
    const open = this.#open(owner);
    this.#owner = open;
    const flow = this.flowOf(open);
    const at = this.#booked;
    if (flow.to !== at) {
      if (flow.bytes > 0) open.interrupted(flow);
      flow.from = at;
    }
    this.#booked = at + bytes;
    flow.to = at + bytes;
    flow.bytes += bytes;
    flow.messages += messages;
    const { now } = this.conversation;
    if (flow.firstAt === 0) flow.firstAt = now;
    flow.lastAt = now;
    if (this.#unownedReads > 0) this.#claim(open, flow);
  }

  /** A statement whose figures are final takes nothing more: what still comes is `control`. */
  #open(owner: Account): Account {
    return owner.closed ? this.conversation.accounts.control : owner;
  }

  #claim(owner: Account, flow: Flow): void {
    flow.reads += this.#unownedReads;
    flow.writes += this.#unownedWrites;
    this.#unownedReads = 0;
    this.#unownedWrites = 0;
    this.#firstOwner = owner;
  }
}
