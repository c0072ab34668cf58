import {
  type CommandTag,
  decodeBackendKeyData,
  decodeCommandTag,
  decodeErrorFields,
  decodeParameterStatus,
  type ErrorFields,
} from '../wire/backend_bodies.ts';
import { encodingOf } from '../wire/encodings.ts';
import { HEADER_BYTES, IN_RUNS, type PrefixTable, prefixTable } from '../wire/framer.ts';
import { Backend } from '../wire/message_types.ts';
import type { Account, Flow } from './account.ts';
import type { Conversation } from './conversation.ts';
import { deallocated } from './deallocate.ts';
import { Direction, type Violation } from './direction.ts';
import { Expectation } from './expectation_queue.ts';
import { Statement } from './statement.ts';

const REPLY_PREFIXES: PrefixTable = prefixTable(
  new Map([
    [Backend.BackendKeyData, 4 + 256],
    [Backend.CommandComplete, 64],
    [Backend.CopyData, IN_RUNS],
    [Backend.DataRow, IN_RUNS],
    [Backend.ErrorResponse, 1024],
    [Backend.ParameterStatus, 512],
    [Backend.ReadyForQuery, 1],
  ]),
);

/** What the server tells about itself and the session, outside the statements. */
export interface ServerFacts {
  backendKey: { readonly processId: number; readonly key: Buffer } | null;
  /** Of its ParameterStatus messages, those that are reported; null before they have come. */
  serverVersion: string | null;
  applicationName: string | null;
  /** `I` idle, `T` in a transaction, `E` in a failed one; null before the first ReadyForQuery. */
  transactionStatus: 'I' | 'T' | 'E' | null;
  /** Transactions that have ended: ReadyForQuery messages outside of one, behind the log-in. */
  transactions: number;
  lastError: ErrorFields | null;
}

/** Direction S: what the server sends. Each message answers the head of the queue, or nothing. */
export class Replies extends Direction {
  protected readonly from = 'server';
  readonly facts: ServerFacts = {
    backendKey: null,
    serverVersion: null,
    applicationName: null,
    transactionStatus: null,
    transactions: 0,
    lastError: null,
  };

  constructor(conversation: Conversation, onViolation: (violation: Violation) => void) {
    super(conversation, REPLY_PREFIXES, onViolation);
  }

  protected flowOf(account: Account): Flow {
    return account.S;
  }

  run(_type: number, messages: number, bytes: number): void {
    const owner = this.#answering();
    if (owner instanceof Statement) owner.dataMessages += messages;
    this.book(owner, messages, bytes);
  }

  message(type: number, bodyLength: number, buffer: Buffer, from: number, to: number, bytes: number): void {
    const { conversation, facts } = this;
    switch (type) {
      case Backend.CommandComplete:
        this.#complete(decodeCommandTag(buffer, from, to), bodyLength, bytes);
        break;
      case Backend.EmptyQueryResponse:
        this.#complete(null, bodyLength, bytes);
        break;
      case Backend.ReadyForQuery:
        this.book(conversation.answeringReady ?? conversation.accounts.async, 1, bytes);
        this.#ready(transactionStatus(buffer[from]));
        break;
      case Backend.ErrorResponse:
        this.#fail(decodeErrorFields(buffer, from, to, conversation.encoding), bytes);
        break;
      case Backend.PortalSuspended: {
        const owner = this.#bookAnswer(bytes);
        if (owner instanceof Statement) conversation.suspend(owner);
        this.#answered(Expectation.Execute);
        break;
      }
      case Backend.ParseComplete:
        this.#bookAnswer(bytes);
        this.#answered(Expectation.Parse);
        break;
      case Backend.BindComplete:
        this.#bookAnswer(bytes);
        this.#answered(Expectation.Bind);
        break;
      case Backend.CloseComplete:
        this.#bookAnswer(bytes);
        this.#answered(Expectation.Close);
        break;
      case Backend.RowDescription:
      case Backend.NoData:
        this.#bookAnswer(bytes);
        this.#answered(Expectation.DescribeStatement, Expectation.DescribePortal);
        break;
      case Backend.CopyInResponse: {
        const owner = this.#bookAnswer(bytes);
        if (owner instanceof Statement) conversation.beginCopyIn(owner);
        break;
      }
      case Backend.CopyOutResponse:
        this.#bookCopy('copy_out', bytes);
        break;
      case Backend.CopyBothResponse:
        this.#bookCopy('copy_both', bytes);
        break;
      case Backend.BackendKeyData:
        facts.backendKey = decodeBackendKeyData(buffer, from, to);
        this.#bookAnswer(bytes);
        break;
      case Backend.ParameterStatus: {
        const parameter = decodeParameterStatus(buffer, from, to, conversation.encoding);
        if (parameter?.name === 'server_version') facts.serverVersion = parameter.value;
        else if (parameter?.name === 'application_name') facts.applicationName = parameter.value;
        else if (parameter?.name === 'client_encoding') conversation.encoding = encodingOf(parameter.value);
        this.#bookAnswer(bytes);
        break;
      }
      default:
        if (KNOWN.has(type)) this.#bookAnswer(bytes);
        else this.book(conversation.accounts.opaque, 1, bytes);
    }
  }

  #ready(status: ServerFacts['transactionStatus']): void {
    const { conversation, facts } = this;
    const isLogin = facts.transactionStatus === null;
    facts.transactionStatus = status;
    conversation.ready();
    if (status !== 'I') return;
    if (!isLogin) facts.transactions += 1;
    conversation.endTransaction();
  }

  #answering(): Account {
    return this.conversation.answering ?? this.conversation.accounts.async;
  }

  #bookAnswer(bytes: number): Account {
    const owner = this.#answering();
    this.book(owner, 1, bytes);
    return owner;
  }

  #bookCopy(kind: 'copy_out' | 'copy_both', bytes: number): void {
    const owner = this.#bookAnswer(bytes);
    if (owner instanceof Statement) owner.kind = kind;
  }

  /** Pops the head of the queue if it is what such a reply answers; a Query is answered by more than this. */
  #answered(expectation: Expectation, orElse = expectation): void {
    const expected = this.conversation.expected;
    if (expected === expectation || expected === orElse) this.conversation.answered();
  }

  #complete(command: CommandTag | null, bodyLength: number, bytes: number): void {
    const owner = this.#bookAnswer(bytes);
    if (owner instanceof Statement) {
      owner.complete(command?.tag ?? null, command?.rows ?? null, HEADER_BYTES + bodyLength - bytes);
      if (command !== null) this.#forgetDeallocated(command.tag, owner);
    }
    this.#answered(Expectation.Execute);
  }

  #fail(error: ErrorFields, bytes: number): void {
    this.facts.lastError = error;
    const owner = this.#bookAnswer(bytes);
    if (owner instanceof Statement) owner.fail(error.sqlstate, this.conversation.now);
    this.conversation.failed();
  }

  #forgetDeallocated(tag: string, statement: Statement): void {
    if (!tag.startsWith('D')) return;
    const name = deallocated(tag, statement.query?.text ?? '');
    if (name !== undefined) this.conversation.names.deallocate(name);
  }
}

const KNOWN: ReadonlySet<number> = new Set(Object.values(Backend));

function transactionStatus(byte: number | undefined): 'I' | 'T' | 'E' | null {
  if (byte === 0x49) return 'I';
  if (byte === 0x54) return 'T';
  return byte === 0x45 ? 'E' : null;
}
