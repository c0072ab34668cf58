import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { sessionRecord } from '../../src/report/session_record.ts';
import { SteadyClock } from '../../src/report/steady_clock.ts';
import { Session } from '../../src/session/session.ts';
import type { Statement } from '../../src/session/statement.ts';
import { StartupPacketReader } from '../../src/wire/startup_packet.ts';
import { cutInto, lag } from '../support/interleave.ts';
import { client, server } from '../support/messages.ts';
import { randomStory } from '../support/random_story.ts';
import { STORIES } from '../support/stories.ts';
import { type Chunk, chunksOf } from '../support/story.ts';

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
    assert.equal(session.waits.idleMs, 131, '1 to 2, 10 to 110 and 120 to 150');
    assert.equal(session.waits.idleInTransactionMs, 30);
    serverSends(session, Buffer.concat([server.complete('COMMIT'), server.ready()]), 160);
    session.waits.catchUp(200);
    assert.equal(session.waits.idleMs, 171);
    session.end('terminate', 260);
    assert.equal(session.waits.idleMs, 231);
    assert.equal(session.waits.idleInTransactionMs, 30);
  });

  it('of idleness behind a COPY that has read Syncs amid its data, and does not answer them', () => {
    const session = readySession();
    clientSends(
      session,
      Buffer.concat([client.query('copy t from stdin'), client.sync(), client.copyDone()]),
      50,
    );
    serverSends(session, server.copyIn(), 60);
    serverSends(session, Buffer.concat([server.complete('COPY 0'), server.ready()]), 70);
    session.waits.catchUp(100);
    assert.equal(session.waits.idleMs, 1 + 40 + 30);
    assert.equal(session.busy, false);
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

const statementOf = (session: Session, seq = 1): Statement =>
  session.statements().find((statement) => statement.seq === seq)!;
const waitsOf = (session: Session): readonly number[] =>
  session.statements().map(({ clientWaitMs }) => clientWaitMs);
const copyEnds = [server.complete('COPY 2'), server.ready()];
const bytes = (...messages: Buffer[]): Buffer => Buffer.concat(messages);

describe('a client that lets the server wait', () => {
  it('with the data of its COPY FROM STDIN: from the invitation on, while it sends nothing', () => {
    const session = readySession();
    clientSends(session, client.query('copy t from stdin'), 50);
    serverSends(session, server.copyIn(), 60);
    clientSends(session, client.copyData('1'), 160);
    session.waits.catchUp(200);
    assert.equal(
      statementOf(session).clientWaitMs,
      140,
      'a wait that goes on is shown as far as it has come',
    );
    clientSends(session, client.copyData('2'), 360);
    clientSends(session, client.copyDone(), 361);
    serverSends(session, bytes(...copyEnds), 400);
    const statement = statementOf(session);
    assert.equal(statement.clientWaitMs, 301, '60 to 361');
    assert.equal(statement.endedAt - statement.R.firstAt, 350);
    assert.equal(session.waits.clientWaitMs, 301);
    assert.equal(session.waits.idleMs, 1 + 40 + 301);
    assert.equal(session.waits.idleInTransactionMs, 0);
    assert.equal(session.waits.activeMs(400), 400 - 1 - 342);
  });

  it('but not while the server does not take what it has sent', () => {
    const session = readySession();
    clientSends(session, client.query('copy t from stdin'), 50);
    serverSends(session, server.copyIn(), 60);
    const data = client.copyData('x'.repeat(1000));
    session.fromClient(data, 0, data.length, 70);
    session.wroteToServer();
    session.waits.serverStallBegan(70);
    session.waits.serverStallEnded(170);
    session.handedToServer(170);
    clientSends(session, client.copyDone(), 200);
    serverSends(session, bytes(...copyEnds), 210);
    const statement = statementOf(session);
    assert.equal(statement.clientWaitMs, 10 + 30);
    assert.equal(statement.serverStallMs, 100);
  });

  it('nor while it does not take the invitation, or a notice', () => {
    const session = readySession();
    clientSends(session, client.query('copy t from stdin'), 50);
    serverSends(session, server.copyIn(), 60, 100);
    serverSends(session, server.notice(), 120, 150);
    clientSends(session, client.copyDone(), 160);
    serverSends(session, bytes(...copyEnds), 170);
    const statement = statementOf(session);
    assert.equal(statement.clientWaitMs, 20 + 10, '100 to 120, 150 to 160');
    assert.equal(statement.clientStallMs, 40 + 30);
  });

  it('not with a COPY whose data was there before the invitation', () => {
    const session = readySession();
    clientSends(
      session,
      bytes(client.query('copy t from stdin'), client.copyData('1'), client.copyDone()),
      50,
    );
    serverSends(session, server.copyIn(), 60);
    serverSends(session, bytes(...copyEnds), 100);
    assert.deepEqual(waitsOf(session), [0]);
  });

  it('with the rest of the data that it began to send before the invitation', () => {
    const session = readySession();
    clientSends(session, bytes(client.query('copy t from stdin'), client.copyData('1')), 50);
    serverSends(session, server.copyIn(), 60);
    clientSends(session, bytes(client.copyData('1'), client.copyDone()), 90);
    serverSends(session, bytes(...copyEnds), 100);
    assert.deepEqual(waitsOf(session), [30]);
  });

  it('with the end of a COPY that has failed long ago', () => {
    const session = readySession();
    clientSends(session, client.query('copy t from stdin'), 50);
    serverSends(session, server.copyIn(), 60);
    clientSends(session, client.copyData('1'), 70);
    serverSends(session, bytes(server.error('22P02'), server.ready()), 100);
    clientSends(session, client.copyData('2'), 120);
    clientSends(session, client.copyDone(), 150);
    const statement = statementOf(session);
    assert.equal(statement.clientWaitMs, 10 + 30 + 50);
    assert.equal(statement.endedAt, 150);
  });

  it('in neither direction of a COPY both ways: none waits for the other there', () => {
    const session = readySession();
    clientSends(session, client.query('start_replication'), 50);
    serverSends(session, server.copyBoth(), 60);
    clientSends(session, client.copyData('1'), 160);
    serverSends(session, server.copyData('1'), 260);
    session.end('client_closed', 300);
    assert.deepEqual(waitsOf(session), [0]);
    assert.equal(session.waits.idleMs, 1 + 40);
  });

  const open = (portal: string): Buffer =>
    bytes(client.parse('', 'select c'), client.bind(portal, ''), client.execute(portal, 1), client.sync());
  const opened = [
    server.parseComplete(),
    server.bindComplete(),
    server.dataRow('1'),
    server.suspended(),
    server.ready('T'),
  ];
  const fetched = [server.dataRow('2'), server.suspended(), server.ready('T')];
  const fetchedAll = [server.complete('SELECT 1'), server.ready('T')];

  it('with a portal that is suspended once', () => {
    const session = readySession();
    clientSends(session, open('p'), 50);
    serverSends(session, bytes(...opened), 60);
    clientSends(session, bytes(client.execute('p', 0), client.sync()), 160);
    serverSends(session, bytes(...fetchedAll), 170);
    const statement = statementOf(session);
    assert.equal(statement.clientWaitMs, 100);
    assert.equal(statement.endedAt - statement.R.firstAt, 120);
    assert.equal(session.waits.clientWaitMs, 100);
    assert.equal(session.waits.idleMs, 1 + 40 + 100);
    assert.equal(session.waits.idleInTransactionMs, 100);
  });

  it('with a portal that is suspended twice', () => {
    const session = readySession();
    clientSends(session, open('p'), 50);
    serverSends(session, bytes(...opened), 60);
    clientSends(session, bytes(client.execute('p', 1), client.sync()), 160);
    serverSends(session, bytes(...fetched), 170);
    clientSends(session, bytes(client.execute('p', 0), client.sync()), 200);
    serverSends(session, bytes(...fetchedAll), 210);
    assert.deepEqual(waitsOf(session), [130]);
  });

  it('with two portals at once, of which each is charged', () => {
    const session = readySession();
    clientSends(session, open('p'), 50);
    serverSends(session, bytes(...opened), 60);
    clientSends(session, open('q'), 70);
    serverSends(session, bytes(...opened), 75);
    clientSends(session, bytes(client.execute('p', 0), client.sync()), 100);
    serverSends(session, bytes(...fetchedAll), 103);
    clientSends(session, bytes(client.execute('q', 0), client.sync()), 200);
    serverSends(session, bytes(...fetchedAll), 205);
    assert.deepEqual(waitsOf(session), [10 + 25, 25 + 97]);
    assert.equal(session.waits.clientWaitMs, 10 + 25 + 97, 'time passes once');
  });

  it('with a portal that it closes before all was fetched, or that ends with its transaction', () => {
    const closed = readySession();
    clientSends(closed, open('p'), 50);
    serverSends(closed, bytes(...opened), 60);
    clientSends(closed, bytes(client.close('P', 'p'), client.sync()), 160);
    serverSends(closed, bytes(server.closeComplete(), server.ready('T')), 170);
    clientSends(closed, client.query('commit'), 300);
    serverSends(closed, bytes(server.complete('COMMIT'), server.ready()), 310);
    assert.deepEqual(waitsOf(closed), [100, 0]);

    const left = readySession();
    clientSends(left, open('p'), 50);
    serverSends(left, bytes(...opened), 60);
    clientSends(left, client.query('commit'), 160);
    serverSends(left, bytes(server.complete('COMMIT'), server.ready()), 170);
    left.end('terminate', 900);
    assert.deepEqual(waitsOf(left), [100, 0]);
    assert.equal(left.waits.clientWaitMs, 100);
  });

  it('with a portal that is suspended when the session ends', () => {
    const session = readySession();
    clientSends(session, open('p'), 50);
    serverSends(session, bytes(...opened), 60);
    session.end('client_closed', 100);
    assert.deepEqual(waitsOf(session), [40]);
  });

  it('with the execution of what it has prepared without a Sync', () => {
    const session = readySession();
    clientSends(session, bytes(client.parse('', 'select 1'), client.flush()), 50);
    serverSends(session, server.parseComplete(), 60);
    clientSends(session, bytes(client.bind('', ''), client.execute(), client.sync()), 90);
    serverSends(session, bytes(server.bindComplete(), server.complete('SELECT 0'), server.ready()), 95);
    assert.deepEqual(waitsOf(session), [30]);
  });

  it('with the Sync behind an error; what the server skips is not charged, for its first byte is still to come', () => {
    const session = readySession();
    clientSends(session, bytes(client.parse('', 'selekt'), client.flush()), 50);
    serverSends(session, server.error('42601'), 60);
    clientSends(session, client.parse('', 'select 1'), 70);
    clientSends(session, client.sync(), 100);
    serverSends(session, server.ready(), 105);
    assert.deepEqual(waitsOf(session), [10 + 30, 0]);
    const skipped = statementOf(session, 2);
    assert.equal(skipped.S.firstAt - skipped.R.firstAt, 35);
    assert.equal(skipped.endedAt - skipped.R.firstAt, 35);
  });

  it('with its first word: the session is idle, though the server was never dialled', () => {
    const observer = { statementFinished: () => undefined, protocolViolated: () => undefined };
    const limits = { maxQueryBytes: 1024, maxStatementsKept: 23 };
    const session = new Session(1, { address: '127.0.0.1', port: 1 }, limits, observer, 1000);
    session.end('refused', 3000);
    assert.equal(session.waits.idleMs, 2000);
    assert.equal(session.waits.activeMs(3000), 0);
  });
});

/** How a chunk goes on its way: after so long, and taken by the kernel at once, later, or after a stall. */
interface Passage {
  readonly after: number;
  readonly how: 'taken' | 'waits' | 'stalls';
  /** What still waits on the other side is taken before. */
  readonly frees: boolean;
}

/** Relays chunks as a pump does, which reads nothing of a side as long as something of it waits. */
function relayInTime(chunks: readonly Chunk[], passages: readonly Passage[]): Session {
  const session = readySession();
  const waiting: Record<Chunk['from'], boolean> = { client: false, server: false };
  let now = 10;
  const free = (from: Chunk['from']): void => {
    if (!waiting[from]) return;
    waiting[from] = false;
    if (from === 'client') {
      session.waits.serverStallEnded(now);
      session.handedToServer(now);
    } else {
      session.waits.clientStallEnded(now);
      session.handedToClient(now);
    }
  };
  for (const [index, { from, bytes: chunk }] of chunks.entries()) {
    const { after, how, frees } = passages[index % passages.length]!;
    now += after;
    free(from);
    if (frees) free(from === 'client' ? 'server' : 'client');
    now += after;
    if (from === 'client') {
      session.fromClient(chunk, 0, chunk.length, now);
      session.wroteToServer();
      if (how === 'stalls') session.waits.serverStallBegan(now);
    } else {
      session.fromServer(chunk, 0, chunk.length, now);
      session.wroteToClient();
      if (how === 'stalls') session.waits.clientStallBegan(now);
    }
    waiting[from] = true;
    if (how === 'taken') free(from);
  }
  session.end('client_closed', now + 1);
  return session;
}

describe('the parts of a time', () => {
  const passages = fc.array(
    fc.record({
      after: fc.nat(50),
      how: fc.constantFrom('taken', 'taken', 'waits', 'stalls'),
      frees: fc.boolean(),
    }),
    { minLength: 1, maxLength: 20 },
  );
  const overtakes = fc.array(fc.boolean(), { minLength: 1, maxLength: 40 });
  const lengths = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 10 });
  const stories = fc.oneof(fc.constantFrom(...STORIES), randomStory);

  it('never exceed the whole, whatever is said and however it goes on its way', () => {
    fc.assert(
      fc.property(stories, passages, overtakes, lengths, (story, timing, late, pieces) => {
        const session = relayInTime(cutInto(chunksOf(lag(story.lines, late)), pieces), timing);
        const { waits, startedAt, endedAt } = session;
        const durationMs = endedAt! - startedAt;
        assert.equal(waits.idleMs + waits.activeMs(endedAt!), durationMs);
        assert.ok(waits.idleInTransactionMs <= waits.idleMs);
        assert.ok(waits.clientWaitMs <= waits.idleMs);
        for (const {
          R,
          S,
          endedAt: to,
          clientWaitMs,
          clientStallMs,
          serverStallMs,
        } of session.statements()) {
          const whole = to - R.firstAt;
          const firstByteMs = S.firstAt === 0 ? 0 : S.firstAt - R.firstAt;
          assert.ok(clientWaitMs <= waits.clientWaitMs);
          assert.ok(firstByteMs + clientWaitMs <= whole, `${firstByteMs} + ${clientWaitMs} of ${whole}`);
          assert.ok(clientStallMs + clientWaitMs <= whole, `${clientStallMs} + ${clientWaitMs} of ${whole}`);
          assert.ok(serverStallMs + clientWaitMs <= whole, `${serverStallMs} + ${clientWaitMs} of ${whole}`);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('add up to the whole as they are published, however they are rounded', () => {
    fc.assert(
      fc.property(fc.double({ min: 10.1, max: 99, noNaN: true }), (at) => {
        const session = readySession();
        clientSends(session, client.query('copy t from stdin'), at);
        serverSends(session, server.copyIn(), at * 1.1);
        clientSends(session, client.copyDone(), at * 1.3);
        serverSends(session, bytes(...copyEnds), at * 1.7);
        session.end('terminate', at * 1.9);
        const { time, statements } = sessionRecord(session, new SteadyClock());
        assert.equal(time.active_us + time.idle_us, time.duration_us);
        const [copy] = statements.map((statement) => statement.time);
        assert.equal(copy!.first_byte_us! + copy!.streaming_us! + copy!.client_wait_us, copy!.duration_us);
        assert.ok(copy!.client_wait_us > 0);
      }),
    );
  });
});
