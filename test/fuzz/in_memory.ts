import assert from 'node:assert/strict';
import { Account } from '../../src/session/account.ts';
import { imbalances } from '../../src/session/balance.ts';
import type { Session } from '../../src/session/session.ts';
import { type Chunk, ledger, relay } from '../support/story.ts';
import { type Conversation, piecesOf } from './conversation.ts';

/** Statements kept by the sessions here: few, so that others are dropped. */
const KEPT = 7;

/**
 * Plays a conversation through a session: whatever is said, each byte is booked once at any moment, and the books
 * do not depend on how it was cut.
 */
export function checkInMemory(conversation: Conversation): void {
  const pieces = piecesOf(conversation);
  let moment = 0;
  const session = relay(pieces, 'client_closed', KEPT, (running) => {
    moment += 1;
    if (moment % 13 !== 0) return;
    assert.deepEqual(running.bookedBytes, running.protocolBytes, 'at any moment');
  });
  if (session.startup === null) return;
  assert.deepEqual(imbalances(session), []);
  assert.deepEqual(session.pendingBytes, { R: 0, S: 0 }, 'bytes without an owner at the end');
  checkStatements(session);
  checkOperations(session, pieces);
  const whole = relay(conversation.chunks, 'client_closed', KEPT);
  assert.deepEqual(ledger(session), ledger(whole), 'in pieces as in whole chunks');
}

function checkStatements(session: Session): void {
  const sum = new Account();
  sum.add(session.droppedStatements.account);
  for (const statement of session.statements()) {
    sum.add(statement);
    assert.ok(
      statement.closed && statement.owed >= 0 && statement.outcome !== 'open',
      `statement ${statement.seq}`,
    );
  }
  const { R, S } = session.statementAccount;
  assert.deepEqual([sum.R, sum.S], [R, S], 'sum of the statements');
  assert.equal(session.statements().length + session.droppedStatements.statements, session.statementCount);
}

/** Each read and write is booked once. */
function checkOperations(session: Session, pieces: readonly Chunk[]): void {
  const { R, S } = session.flows;
  const reads = (from: Chunk['from']): number => pieces.filter((piece) => piece.from === from).length;
  assert.equal(R.reads, reads('client'), 'reads from the client');
  assert.equal(S.reads, reads('server'), 'reads from the server');
  assert.equal(S.writes, reads('server'), 'writes to the client');
}
