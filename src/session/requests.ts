import {
  decodeBind,
  decodeExecute,
  decodeParse,
  decodeQuery,
  decodeTarget,
  type QueryText,
} from '../wire/frontend_bodies.ts';
import { IN_RUNS, type PrefixTable, prefixTable } from '../wire/framer.ts';
import { Frontend } from '../wire/message_types.ts';
import type { Account, Flow } from './account.ts';
import type { Conversation } from './conversation.ts';
import { Direction, type Violation } from './direction.ts';
import { Expectation } from './expectation_queue.ts';
import type { Prepared } from './names.ts';
import type { Statement } from './statement.ts';

/** Longest name of a prepared statement or portal that is told apart (NAMEDATALEN is 64). */
const NAME_BYTES = 256;

/** One table serves all sessions with the same limit. */
const tables = new Map<number, PrefixTable>();

/** What is gathered of the bodies, so that whose bytes they are does not depend on how they are cut. */
function requestPrefixes(maxQueryBytes: number): PrefixTable {
  const known = tables.get(maxQueryBytes);
  if (known !== undefined) return known;
  const table = prefixTable(
    new Map([
      [Frontend.Query, maxQueryBytes + 1],
      [Frontend.Parse, maxQueryBytes + 1 + NAME_BYTES],
      [Frontend.Bind, 2 * NAME_BYTES],
      [Frontend.Describe, 1 + NAME_BYTES],
      [Frontend.Close, 1 + NAME_BYTES],
      [Frontend.Execute, NAME_BYTES],
      [Frontend.CopyData, IN_RUNS],
    ]),
  );
  tables.set(maxQueryBytes, table);
  return table;
}

/** Direction R: what the client sends. Each message gets its owner, and what it is owed joins the queue. */
export class Requests extends Direction {
  protected readonly from = 'client';
  readonly #maxQueryBytes: number;
  /** The client has said that it will close the connection. */
  terminated = false;

  constructor(
    conversation: Conversation,
    maxQueryBytes: number,
    onViolation: (violation: Violation) => void,
  ) {
    super(conversation, requestPrefixes(maxQueryBytes), onViolation);
    this.#maxQueryBytes = maxQueryBytes;
  }

  protected flowOf(account: Account): Flow {
    return account.R;
  }

  run(_type: number, messages: number, bytes: number): void {
    this.book(this.conversation.copyData(), messages, bytes);
  }

  message(type: number, bodyLength: number, buffer: Buffer, from: number, to: number, bytes: number): void {
    this.book(this.#ownerOf(type, bodyLength, buffer, from, to), 1, bytes);
  }

  /** Follows what a message asks for; returns whose it is. */
  #ownerOf(type: number, bodyLength: number, buffer: Buffer, from: number, to: number): Account {
    const { conversation } = this;
    const { accounts } = conversation;
    switch (type) {
      case Frontend.Query:
        return this.#alone(
          'query',
          Expectation.Query,
          decodeQuery(buffer, from, to, bodyLength, this.#maxQueryBytes, conversation.encoding),
        );
      case Frontend.FunctionCall:
        return this.#alone('function', Expectation.FunctionCall, null);
      case Frontend.Parse:
        return this.#parse(buffer, from, to, bodyLength);
      case Frontend.Bind:
        return this.#bind(buffer, from, to);
      case Frontend.Describe:
        return this.#describe(buffer, from, to);
      case Frontend.Execute:
        return this.#execute(buffer, from, to);
      case Frontend.Close:
        return this.#close(buffer, from, to);
      case Frontend.Sync:
        return conversation.sync();
      case Frontend.Flush:
        return conversation.last ?? conversation.copying() ?? accounts.control;
      case Frontend.CopyDone:
      case Frontend.CopyFail: {
        const statement = conversation.copyTarget();
        if (statement === null) return accounts.control;
        conversation.endCopyData(statement);
        return statement;
      }
      case Frontend.PasswordMessage:
        return accounts.startup;
      case Frontend.Terminate:
        conversation.leaveCopy();
        this.terminated = true;
        return accounts.control;
      default:
        return accounts.opaque;
    }
  }

  #alone(kind: 'query' | 'function', expectation: Expectation, query: QueryText | null): Statement {
    const { conversation } = this;
    conversation.leaveCopy();
    const statement = conversation.begin(kind, query);
    conversation.sendAlone(statement);
    // exec_simple_query of src/backend/tcop/postgres.c drops the unnamed prepared statement first of all.
    const restoration = kind === 'query' ? conversation.names.closePrepared('') : null;
    conversation.expect(expectation, statement, restoration);
    return statement;
  }

  #parse(buffer: Buffer, from: number, to: number, bodyLength: number): Statement {
    const { conversation } = this;
    conversation.leaveCopy();
    const parse = decodeParse(buffer, from, to, bodyLength, this.#maxQueryBytes, conversation.encoding);
    const statement = this.#follow(conversation.begin('prepare', parse?.query ?? null));
    const definition: Prepared = { query: statement.query, origin: statement };
    const restoration = parse === null ? null : conversation.names.prepare(parse.name, definition);
    conversation.expect(Expectation.Parse, statement, restoration);
    return statement;
  }

  #bind(buffer: Buffer, from: number, to: number): Statement {
    const { conversation } = this;
    conversation.leaveCopy();
    const bind = decodeBind(buffer, from, to, conversation.encoding);
    const prepared = bind === null ? undefined : conversation.names.prepared(bind.statement);
    const statement = this.#follow(this.#unbound(prepared));
    if (prepared !== undefined) prepared.origin = null;
    if (bind !== null) {
      const overwritten = conversation.names.portal(bind.portal);
      if (overwritten?.suspended === true) conversation.discardPortalOf(overwritten);
      conversation.names.openPortal(bind.portal, statement);
    }
    conversation.expect(Expectation.Bind, statement);
    return statement;
  }

  #describe(buffer: Buffer, from: number, to: number): Statement {
    const { conversation } = this;
    conversation.leaveCopy();
    const target = decodeTarget(buffer, from, to, conversation.encoding);
    if (target?.of === 'portal') {
      const statement = this.#follow(this.#ofPortal(target.name));
      conversation.expect(Expectation.DescribePortal, statement);
      return statement;
    }
    const prepared = target === null ? undefined : conversation.names.prepared(target.name);
    const statement = this.#follow(this.#unbound(prepared));
    if (prepared !== undefined) prepared.origin = statement;
    conversation.expect(Expectation.DescribeStatement, statement);
    return statement;
  }

  #execute(buffer: Buffer, from: number, to: number): Statement {
    const { conversation } = this;
    conversation.leaveCopy();
    const portal = decodeExecute(buffer, from, to, conversation.encoding);
    const statement = this.#follow(this.#ofPortal(portal));
    if (portal !== null) conversation.names.openPortal(portal, statement);
    if (statement.kind === 'prepare') statement.kind = 'execute';
    statement.fetches += 1;
    conversation.send(statement);
    conversation.expect(Expectation.Execute, statement);
    return statement;
  }

  /** Close belongs to the statement whose portal or preparation it ends while that is still in flight. */
  #close(buffer: Buffer, from: number, to: number): Account {
    const { conversation } = this;
    const { names } = conversation;
    conversation.leaveCopy();
    const target = decodeTarget(buffer, from, to, conversation.encoding);
    let owner: Account = conversation.accounts.control;
    let restoration = null;
    if (target?.of === 'portal') {
      const statement = names.portal(target.name);
      if (statement !== undefined && !statement.done) owner = statement;
      names.closePortal(target.name);
      conversation.expect(Expectation.Close, owner);
      if (statement !== undefined) conversation.discardPortalOf(statement);
      return owner;
    }
    if (target !== null) {
      const origin = names.prepared(target.name)?.origin ?? null;
      if (origin !== null && !origin.done) owner = origin;
      restoration = names.closePrepared(target.name);
    }
    conversation.expect(Expectation.Close, owner, restoration);
    return owner;
  }

  #follow(statement: Statement): Statement {
    this.conversation.follow(statement);
    return statement;
  }

  /** The statement that has parsed or described a prepared statement and may still execute it, or a new one. */
  #unbound(prepared: Prepared | undefined): Statement {
    const origin = prepared?.origin ?? null;
    if (origin !== null && !origin.done && origin.fetches === 0 && this.conversation.inPipeline(origin))
      return origin;
    return this.conversation.begin('prepare', prepared?.query ?? null);
  }

  /** The statement of a portal, or, when that is over, a new one of the same SQL. */
  #ofPortal(name: string | null): Statement {
    const statement = name === null ? undefined : this.conversation.names.portal(name);
    if (statement !== undefined && !statement.done) return statement;
    return this.conversation.begin('prepare', statement?.query ?? null);
  }
}
