import { type Encoding, UTF8 } from '../wire/encodings.ts';
import type { QueryText } from '../wire/frontend_bodies.ts';
import { type Account, FixedAccounts } from './account.ts';
import { CopyIn } from './copy_in.ts';
import { type Aftermath, Expectation, ExpectationQueue, endsWithReadyForQuery } from './expectation_queue.ts';
import { Names } from './names.ts';
import { Statement, type StatementKind } from './statement.ts';

/** Statements of one pipeline that may wait for an Execute; a client that leaves more behind closes the oldest. */
const MAX_LEFT_BEHIND = 1024;

/**
 * Definitions behind an error that are remembered until the Sync; those of a client that goes on without one are taken
 * back at once.
 */
const MAX_FAILED = 65_536;

/**
 * What client and server have said so far, as far as it matters for whose bytes the next ones are: the statements in
 * flight, and the answers the server owes.
 *
 * **Law**: requests push what must come back, replies pop it, and a reply feeds the account of what it answers.
 */
export class Conversation {
  /** The session's clock, in milliseconds; set before each chunk. */
  now = 0;
  /** Of the client's texts, as the server has last told. */
  encoding: Encoding = UTF8;
  readonly accounts = new FixedAccounts();
  readonly queue = new ExpectationQueue();
  readonly names = new Names();
  /** Statements that are done but whose last bytes are still to be handed on; the direction that is scanning. */
  finished: Statement[] = [];

  /** What a Sync or Flush would belong to: the last statement of the pipeline that is being sent. */
  #last: Statement | null = null;
  /** What CopyData would belong to: the statement of the last Query or Execute. */
  #lastSent: Statement | null = null;
  #leftBehind: Statement[] = [];
  /** What failed messages had defined and must be taken back. */
  #failed: { readonly aftermath: Aftermath; readonly itself: boolean }[] = [];
  #suspended: Statement[] = [];
  /** An error has been answered, and the server skips everything up to the next Sync, which was not sent yet. */
  #skippingUntilSync = false;
  #statements = 0;
  #firstOpen: Statement | null = null;

  /** Statements begun so far. */
  get statements(): number {
    return this.#statements;
  }

  get last(): Statement | null {
    return this.#last;
  }

  /** Statements whose figures are not final, the latest first. */
  *open(): Generator<Statement> {
    for (let at = this.#firstOpen; at !== null; at = at.nextOpen) yield at;
  }

  // ------------------------------------------------------------------ requests

  begin(kind: StatementKind, query: QueryText | null): Statement {
    this.#statements += 1;
    const statement = new Statement(this.#statements, kind, query);
    statement.nextOpen = this.#firstOpen;
    if (this.#firstOpen !== null) this.#firstOpen.previousOpen = statement;
    this.#firstOpen = statement;
    return statement;
  }

  /** The client goes on with (or begins) a statement of the extended protocol. */
  follow(statement: Statement): void {
    const previous = this.#last;
    if (previous === statement) return;
    this.#last = statement;
    if (previous !== null) this.#leave(previous);
  }

  /** A statement belongs to the pipeline that is being sent: no Sync has been sent behind it. */
  inPipeline(statement: Statement): boolean {
    return statement === this.#last || this.#leftBehind.includes(statement);
  }

  /** The client sent a Query or FunctionCall: whatever pipeline there was has no Sync of its own. */
  sendAlone(statement: Statement): void {
    const previous = this.#last;
    this.#last = null;
    if (previous !== null) this.#leave(previous);
    this.send(statement);
  }

  /** The client sent what makes the server run a statement. */
  send(statement: Statement): void {
    this.#lastSent = statement;
    statement.waitsForSync = false;
  }

  /** Enters what the server owes for a message. */
  expect(kind: Expectation, owner: Account, aftermath: Aftermath | null = null): void {
    if (this.#skippingUntilSync && kind !== Expectation.Sync) {
      if (this.#failed.length >= MAX_FAILED) aftermath?.failed(false);
      else if (aftermath !== null) this.#failed.push({ aftermath, itself: false });
      if (owner instanceof Statement) this.#skip(owner);
      return;
    }
    owner.owed += 1;
    this.queue.push(kind, owner, aftermath);
  }

  /** The client sent Sync. @returns whose Sync it is */
  sync(): Account {
    const copying = this.copying();
    // It is read within the COPY, and will not be answered.
    if (copying?.copyInOpen === true && copying.outcome === 'open') return copying;
    const owner = this.#syncOwner(copying);
    this.#skippingUntilSync = false;
    this.#takeBackFailed();
    this.expect(Expectation.Sync, owner, this.#releaseAtSync());
    this.#last = null;
    return owner;
  }

  /** The statement that copy data from the client belongs to; null when it can be none. */
  copyTarget(): Statement | null {
    const statement = this.#lastSent;
    return statement === null || statement.done ? null : statement;
  }

  /** The statement whose COPY FROM STDIN is under way; null when there is none. */
  copying(): Statement | null {
    const target = this.copyTarget();
    return target === null || target.copyIn === null ? null : target;
  }

  /** The client sent copy data. @returns whose it is */
  copyData(): Account {
    const target = this.copyTarget();
    if (target === null) return this.accounts.control;
    (target.copyIn ??= new CopyIn()).data = 'open';
    return target;
  }

  /** A COPY FROM STDIN is under way, and its data has not ended. */
  get awaitsCopyData(): boolean {
    const statement = this.#lastSent;
    return statement !== null && statement.copyInOpen && !statement.done;
  }

  /**
   * The server has answered all it could, and has waited for the client's next message for so long.
   *
   * @returns whether that was within a statement
   */
  waitedForClient(ms: number): boolean {
    let isWithinStatement = false;
    for (let at = this.#firstOpen; at !== null; at = at.nextOpen) {
      // What is before the first reply byte is told as that.
      if (at.S.firstAt === 0) continue;
      at.clientWaitMs += ms;
      isWithinStatement = true;
    }
    return isWithinStatement;
  }

  /** The client ended its copy data, with CopyDone or CopyFail. */
  endCopyData(statement: Statement): void {
    const copyIn = (statement.copyIn ??= new CopyIn());
    copyIn.end(this.queue.tail);
    if (copyIn.invited) this.#waitForSyncOfCopy(statement);
    this.settle(statement);
  }

  /** The client sent something that ends a COPY FROM STDIN that had failed, in place of a CopyDone. */
  leaveCopy(): void {
    const statement = this.#lastSent;
    if (statement === null || statement.copyIn === null || !statement.copyIn.open) return;
    statement.copyIn.leave();
    this.settle(statement);
  }

  // ------------------------------------------------------------------- replies

  /** Whose account the next reply feeds: that of the head of the queue; null when nothing is owed. */
  get answering(): Account | null {
    const { queue } = this;
    return queue.empty ? null : queue.ownerAt(queue.head);
  }

  /** What the head of the queue expects; null when nothing is owed. */
  get expected(): Expectation | null {
    const { queue } = this;
    return queue.empty ? null : queue.kindAt(queue.head);
  }

  /**
   * All is answered, or all but the ReadyForQuery behind a replication stream: a walsender whose server shuts down ends the
   * stream with CommandComplete and closes (WalSndDone of src/backend/replication/walsender.c).
   */
  get allAnswered(): boolean {
    const { queue, answering } = this;
    if (queue.empty) return true;
    if (queue.length > 1 || !(answering instanceof Statement)) return false;
    return answering.kind === 'copy_both' && answering.completions > 0;
  }

  /** The head of the queue has been answered in full. */
  answered(): void {
    this.#shift()?.answered();
  }

  /** ReadyForQuery came: whatever stands before the entry it answers will get no other answer. */
  ready(): void {
    const { queue } = this;
    while (!queue.empty) {
      const kind = queue.kindAt(queue.head);
      this.answered();
      if (endsWithReadyForQuery(kind)) return;
    }
    this.#skippingUntilSync = false;
  }

  /** Whose ReadyForQuery comes next; null when none is owed. */
  get answeringReady(): Account | null {
    const { queue } = this;
    for (let at = queue.head; at < queue.tail; at += 1) {
      if (endsWithReadyForQuery(queue.kindAt(at))) return queue.ownerAt(at);
    }
    return this.answering;
  }

  /**
   * The server answered the head of the queue with an error. In the extended protocol it then skips everything, a
   * Query included, up to the next Sync; an error of a Query or of a Sync skips nothing.
   */
  failed(): void {
    const { queue } = this;
    const head = this.expected;
    if (head === null || endsWithReadyForQuery(head)) return;
    const failing = queue.ownerAt(queue.head);
    // A Sync sent within a COPY has been swallowed; the one behind its data may still come, and is the COPY's.
    const copy =
      failing instanceof Statement && failing.copyIn !== null && failing !== this.#last ? failing : null;
    if (copy !== null) this.#waitForSync(copy);
    for (let itself = true; !queue.empty; itself = false) {
      if (queue.kindAt(queue.head) === Expectation.Sync) {
        if (copy !== null) copy.waitsForSync = false;
        this.#takeBackFailed();
        return;
      }
      const owner = queue.ownerAt(queue.head);
      if (owner instanceof Statement && owner.completions === 0 && !owner.suspended) owner.abort();
      const aftermath = this.#shift();
      if (aftermath !== null) this.#failed.push({ aftermath, itself });
    }
    this.#skippingUntilSync = true;
  }

  /** The server asks for copy data. Syncs sent before the end of that data are read within the COPY. */
  beginCopyIn(statement: Statement): void {
    statement.kind = 'copy_in';
    const copyIn = (statement.copyIn ??= new CopyIn());
    copyIn.invite();
    const { queue } = this;
    const end = copyIn.open ? queue.tail : copyIn.endedAt;
    for (let at = queue.head + 1; at < end; at += 1) {
      const kind = queue.kindAt(at);
      // By an earlier COPY of the same Query.
      if (kind === Expectation.Swallowed) continue;
      if (kind !== Expectation.Sync) break;
      queue.ownerAt(at).owed -= 1;
      queue.swallow(at);
    }
    if (!copyIn.open) this.#waitForSyncOfCopy(statement);
  }

  suspend(statement: Statement): void {
    if (!statement.suspended) this.#suspended.push(statement);
    statement.suspended = true;
  }

  /** A transaction has ended, and its portals with it. */
  endTransaction(): void {
    if (this.#suspended.length > 0) {
      const suspended = this.#suspended;
      this.#suspended = [];
      for (const statement of suspended) this.discardPortalOf(statement);
    }
    this.names.forgetDonePortals();
  }

  /** Nothing more can be fetched from a statement's portal. */
  discardPortalOf(statement: Statement): void {
    statement.suspended = false;
    this.settle(statement);
  }

  // --------------------------------------------------------------------- ends

  /** Finishes a statement if nothing can be booked to it any more. */
  settle(statement: Statement): void {
    if (statement.done || statement.owed > 0 || statement === this.#last) return;
    if (statement.suspended || statement.waitsForSync || statement.copyInOpen) return;
    if (statement.outcome === 'open') statement.outcome = 'ok';
    statement.done = true;
    this.finished.push(statement);
  }

  /** Takes a statement whose figures are final off the list of open ones. */
  close(statement: Statement): void {
    statement.closed = true;
    if (statement.previousOpen === null) this.#firstOpen = statement.nextOpen;
    else statement.previousOpen.nextOpen = statement.nextOpen;
    if (statement.nextOpen !== null) statement.nextOpen.previousOpen = statement.previousOpen;
    statement.previousOpen = null;
    statement.nextOpen = null;
  }

  #shift(): Aftermath | null {
    const { queue } = this;
    const owner = queue.ownerAt(queue.head);
    const aftermath = queue.aftermathAt(queue.head);
    owner.owed -= 1;
    queue.shift();
    if (owner instanceof Statement) this.settle(owner);
    return aftermath;
  }

  /**
   * Whose Sync comes: that of the pipeline that is being sent, or, behind it, that of a COPY, amid whose data it comes or
   * which it ends in the extended protocol.
   */
  #syncOwner(copying: Statement | null): Account {
    const last = this.#last;
    const copyIn = copying?.copyIn ?? null;
    if (copying === null || copyIn === null) return last ?? this.accounts.control;
    const isItsOwn = copying === last || (last === null && copying.fetches > 0);
    if (copyIn.data === 'ended' && isItsOwn) {
      copyIn.data = 'synced';
      return copying;
    }
    if (last !== null) return last;
    return copyIn.data === 'open' ? copying : this.accounts.control;
  }

  /** Takes back what failed messages had defined, the latest first, once none that relies on it can follow. */
  #takeBackFailed(): void {
    if (this.#failed.length === 0) return;
    for (const { aftermath, itself } of this.#failed.toReversed()) aftermath.failed(itself);
    this.#failed = [];
  }

  /** The Syncs sent before the end of the copy data are read within the COPY: the one that counts is still to come. */
  #waitForSyncOfCopy(statement: Statement): void {
    if (statement.copyIn?.data !== 'ended' || statement.fetches === 0) return;
    if (statement === this.#last || statement.waitsForSync) return;
    this.#waitForSync(statement);
  }

  #waitForSync(statement: Statement): void {
    statement.waitsForSync = true;
    this.#leftBehind.push(statement);
    if (this.#leftBehind.length > MAX_LEFT_BEHIND) this.#release(this.#leftBehind.shift()!);
  }

  /** The client turns from a statement to another one of the same pipeline. */
  #leave(statement: Statement): void {
    if (statement.fetches === 0 && !statement.done) this.#waitForSync(statement);
    this.settle(statement);
  }

  /** The server will skip a statement, or a message of it, that was sent behind an error. */
  #skip(statement: Statement): void {
    if (statement.completions === 0) statement.abort();
    if (statement === this.#last) return;
    // A Query: no pipeline keeps it, but its body may still be on its way.
    this.#waitForSync(statement);
  }

  #release(statement: Statement): void {
    statement.waitsForSync = false;
    this.settle(statement);
  }

  #releaseAtSync(): Aftermath | null {
    if (this.#leftBehind.length === 0) return null;
    const statements = this.#leftBehind;
    this.#leftBehind = [];
    const release = (): void => {
      for (const statement of statements) this.#release(statement);
    };
    return { answered: release, failed: release };
  }
}
