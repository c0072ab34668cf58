import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Session } from '../../src/session/session.ts';
import { StartupPacketReader } from '../../src/wire/startup_packet.ts';
import { client, server } from '../support/messages.ts';

/** A session that was opened at 1 ms and is ready at 10 ms. */
function readySession(): Session {
  const observer = { statementFinished: () => undefined, protocolViolated: () => undefined };
  const limits = { maxQueryBytes: 1024, maxStatementsKept: 23 };
  const session = new Session(1, { address: '127.0.0.1', port: 1 }, limits, observer, 1);
  const startup = client.startup();
  const { packet } = new StartupPacketReader().read(startup, 0, startup.length);
  assert.ok(packet?.kind === 'startup_message');
  session.start(packet, 1, Buffer.alloc(0), 2);
  session.wroteToServer();
  serverSends(session, Buffer.concat([server.authenticationOk(), server.ready()]), 10);
  return session;
}

function clientSends(session: Session, bytes: Buffer, now: number): void {
  session.fromClient(bytes, 0, bytes.length, now);
  session.wroteToServer();
  session.handedToServer(now);
}

function serverSends(session: Session, bytes: Buffer, now: number, handedOnAt = now): void {
  session.fromServer(bytes, 0, bytes.length, now);
  session.wroteToClient();
  if (handedOnAt > now) {
    session.waits.clientStallBegan(now);
    session.waits.clientStallEnded(handedOnAt);
  }
  session.handedToClient(handedOnAt);
}

describe('times', () => {
  it('of a statement: the server thought for 100 ms and streamed for 30 ms, of which the client stalled 20', () => {
    const session = readySession();
    clientSends(session, client.query('select 1'), 50);
    serverSends(session, server.rowDescription(), 150);
    serverSends(session, Buffer.concat([server.complete('SELECT 0'), server.ready()]), 160, 180);
    const [statement] = session.statements();
    assert.ok(statement !== undefined);
    assert.equal(statement.S.firstAt - statement.R.firstAt, 100);
    assert.equal(statement.endedAt - statement.R.firstAt, 130);
    assert.equal(statement.clientStallMs, 20);
    assert.equal(statement.serverStallMs, 0);
    assert.equal(session.waits.clientStallMs, 20);
  });

  it('of a COPY FROM STDIN that the server takes slowly', () => {
    const session = readySession();
    clientSends(session, client.query('copy t from stdin'), 50);
    serverSends(session, server.copyIn(), 60);
    const data = client.copyData('x'.repeat(1000));
    session.fromClient(data, 0, data.length, 70);
    session.wroteToServer();
    session.waits.serverStallBegan(70);
    session.waits.catchUp(100);
    assert.equal(
      session.statements()[0]?.serverStallMs,
      30,
      'a stall that goes on is shown as far as it has come',
    );
    session.waits.serverStallEnded(170);
    session.handedToServer(170);
    assert.equal(session.statements()[0]?.serverStallMs, 100);
    assert.equal(session.waits.serverStallMs, 100);
  });

  it('of idleness, within a transaction and without', () => {
    const session = readySession();
    clientSends(session, client.query('begin'), 110);
    serverSends(session, Buffer.concat([server.complete('BEGIN'), server.ready('T')]), 120);
    clientSends(session, client.query('commit'), 150);
    assert.equal(session.waits.idleMs, 130, '10 to 110 and 120 to 150');
    assert.equal(session.waits.idleInTransactionMs, 30);
    serverSends(session, Buffer.concat([server.complete('COMMIT'), server.ready()]), 160);
    session.waits.catchUp(200);
    assert.equal(session.waits.idleMs, 170);
    session.end('terminate', 260);
    assert.equal(session.waits.idleMs, 230);
    assert.equal(session.waits.idleInTransactionMs, 30);
  });

  it('end for a stall that the end of the connection ends', () => {
    const session = readySession();
    clientSends(session, client.query('select 1'), 50);
    const row = server.dataRow('x');
    session.fromServer(row, 0, row.length, 60);
    session.wroteToClient();
    session.waits.clientStallBegan(60);
    session.end('client_closed', 100);
    const [statement] = session.statements();
    assert.equal(statement?.clientStallMs, 40);
    assert.equal(statement?.outcome, 'aborted');
    assert.equal(statement?.endedAt, 100);
    session.waits.catchUp(500);
    assert.equal(session.waits.clientStallMs, 40);
  });
});
