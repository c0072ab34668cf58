import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Cancel, NO_EFFECT_MS } from '../../src/session/cancel.ts';
import { CancelLedger } from '../../src/session/cancel_ledger.ts';
import { type EndReason, Session } from '../../src/session/session.ts';
import { StartupPacketReader } from '../../src/wire/startup_packet.ts';
import { client, server } from '../support/messages.ts';

const ALICE = { address: '127.0.0.1', port: 1 };
const FROM_ALICE = { client: ALICE, via: null, entrance: null };

/** A session that is ready at 10 ms, and the ledger that hears of its statements. */
class Story {
  readonly ledger = new CancelLedger(23);
  readonly session: Session;

  constructor() {
    const observer = {
      statementFinished: this.ledger.statementFinished.bind(this.ledger),
      protocolViolated: () => undefined,
    };
    this.session = new Session(7, ALICE, { maxQueryBytes: 100, maxStatementsKept: 23 }, observer, 1);
    const startup = client.startup();
    const { packet } = new StartupPacketReader().read(startup, 0, startup.length);
    assert.ok(packet?.kind === 'startup_message');
    this.session.start(packet, 1, Buffer.alloc(0), 2);
    this.session.wroteToServer();
    this.session.handedToServer(2);
    this.serverSends(10, server.authenticationOk(), server.ready());
  }

  clientSends(now: number, ...messages: Buffer[]): void {
    const bytes = Buffer.concat(messages);
    this.session.fromClient(bytes, 0, bytes.length, now);
    this.session.wroteToServer();
    this.session.handedToServer(now);
  }

  serverSends(now: number, ...messages: Buffer[]): void {
    const bytes = Buffer.concat(messages);
    this.session.fromServer(bytes, 0, bytes.length, now);
    this.session.wroteToClient();
    this.session.handedToClient(now);
  }

  /** The client asks to cancel, and the server has closed the carrier a millisecond later. */
  cancel(now: number): Cancel {
    const { id, answering } = this.session;
    const target = { kind: 'open', session: id, statement: answering } as const;
    const cancel = this.ledger.enter(FROM_ALICE, target, now);
    cancel.deliveredAt = now + 1;
    return cancel;
  }
}

const tell = ({ session, statement, outcome, effectMs, bytesAfter }: Cancel): unknown[] => [
  session,
  statement,
  outcome,
  effectMs,
  bytesAfter,
];

const sizeOf = (...messages: Buffer[]): number => Buffer.concat(messages).length;

describe('a cancel request', () => {
  it('takes effect: the time until the 57014, and what came after the request', () => {
    const story = new Story();
    story.clientSends(20, client.query('select * from t'));
    story.serverSends(30, server.rowDescription(), server.dataRow('before'));
    const cancel = story.cancel(40);
    const late = [server.dataRow('after'), server.dataRow('after')];
    story.serverSends(45, ...late);
    assert.deepEqual(tell(cancel), [7, 1, 'no_effect', null, sizeOf(...late)]);
    story.serverSends(47, server.error('57014'), server.ready());
    const expected = [7, 1, 'cancelled', 7, sizeOf(...late, server.error('57014'), server.ready())];
    assert.deepEqual(tell(cancel), expected);
    // It is not touched by what follows.
    story.clientSends(50, client.query('select 2'));
    story.serverSends(60, server.error('57014'), server.ready());
    assert.deepEqual(tell(cancel), expected);
  });

  it('comes too late: the statement had been answered on its way, in full or with another error', () => {
    for (const last of [server.complete('SELECT 1'), server.error('22012')]) {
      const story = new Story();
      story.clientSends(20, client.query('select 1'));
      const cancel = story.cancel(30);
      story.serverSends(31, last, server.ready());
      assert.deepEqual(tell(cancel), [7, 1, 'finished_first', null, sizeOf(last, server.ready())]);
    }
  });

  it('comes to a session of which nothing is asked', () => {
    const story = new Story();
    assert.deepEqual(tell(story.cancel(15)), [7, null, 'finished_first', null, null]);
    story.clientSends(20, client.query('select 1'));
    story.serverSends(30, server.complete('SELECT 1'), server.ready());
    assert.deepEqual(tell(story.cancel(40)), [7, null, 'finished_first', null, null]);
  });

  it('does not claim an error that had come before it', () => {
    const story = new Story();
    story.clientSends(20, client.query('select 1'));
    story.serverSends(30, server.error('57014'));
    const cancel = story.cancel(40);
    story.serverSends(50, server.ready());
    assert.deepEqual(tell(cancel), [7, 1, 'finished_first', null, sizeOf(server.ready())]);
  });

  for (const [name, after, outcome] of [
    ['within a second of its delivery', NO_EFFECT_MS, 'finished_first'],
    ['more than a second after it', NO_EFFECT_MS + 1, 'no_effect'],
  ] as const) {
    it(`is ${outcome} when its statement ends ${name}`, () => {
      const story = new Story();
      story.clientSends(20, client.query('select hang()'));
      const cancel = story.cancel(30);
      story.serverSends(31 + after, server.complete('SELECT 1'), server.ready());
      assert.equal(cancel.outcome, outcome);
    });
  }

  it('that took long to deliver is judged from its delivery', () => {
    const story = new Story();
    story.clientSends(20, client.query('select hang()'));
    const cancel = story.cancel(30);
    cancel.deliveredAt = null;
    story.serverSends(5030, server.complete('SELECT 1'), server.ready());
    assert.equal(cancel.outcome, 'no_effect');
    cancel.deliveredAt = 6000;
    assert.equal(cancel.outcome, 'finished_first');
  });

  it('in a pipeline is for the statement that is being answered, not the one sent last', () => {
    const story = new Story();
    const execution = [client.parse('', 'select 1'), client.bind('', ''), client.execute(), client.sync()];
    story.clientSends(20, ...execution, ...execution, ...execution);
    const answer = [server.parseComplete(), server.bindComplete()];
    story.serverSends(30, ...answer, server.complete('SELECT 1'), server.ready(), ...answer);
    const cancel = story.cancel(40);
    story.serverSends(43, server.error('57014'), server.ready());
    story.serverSends(50, ...answer, server.complete('SELECT 1'), server.ready());
    assert.deepEqual(tell(cancel), [7, 2, 'cancelled', 3, sizeOf(server.error('57014'), server.ready())]);
    assert.deepEqual(
      story.session.statements().map(({ outcome }) => outcome),
      ['ok', 'cancelled', 'ok'],
    );
  });

  it('is for a COPY FROM STDIN while the client sends its data', () => {
    const story = new Story();
    story.clientSends(20, client.query('copy t from stdin'));
    story.serverSends(30, server.copyIn());
    story.clientSends(35, client.copyData('1\n'));
    const cancel = story.cancel(40);
    story.serverSends(42, server.error('57014'), server.ready());
    assert.deepEqual(tell(cancel).slice(1, 4), [1, 'cancelled', 2]);
  });

  it('finds the statement of an execution without Sync answered, though the pipeline goes on', () => {
    const story = new Story();
    story.clientSends(
      20,
      client.parse('', 'select 1'),
      client.bind('', ''),
      client.execute(),
      client.flush(),
    );
    const cancel = story.cancel(30);
    story.serverSends(32, server.parseComplete(), server.bindComplete(), server.complete('SELECT 1'));
    assert.equal(cancel.outcome, 'finished_first');
  });

  for (const [end, outcome] of [
    ['server_closed', 'session_gone'],
    ['aborted', 'session_gone'],
    ['client_closed', 'session_gone'],
    ['shutdown', 'no_effect'],
  ] as const satisfies readonly (readonly [EndReason, string])[]) {
    it(`is ${outcome} when the session ends first (${end})`, () => {
      const story = new Story();
      story.clientSends(20, client.query('select 1'));
      const cancel = story.cancel(30);
      story.session.end(end, 40);
      assert.deepEqual(tell(cancel), [7, 1, outcome, null, 0]);
    });
  }

  it('finds the session gone when the administrator ends it', () => {
    const story = new Story();
    story.clientSends(20, client.query('select 1'));
    const cancel = story.cancel(30);
    const fatal = server.error('57P01', 'FATAL');
    story.serverSends(35, fatal);
    story.session.end('server_closed', 40);
    assert.deepEqual(tell(cancel), [7, 1, 'session_gone', null, fatal.length]);
  });

  it('may be for nobody, or for a session that has ended', () => {
    const ledger = new CancelLedger(23);
    const cancels = [
      ledger.enter(FROM_ALICE, { kind: 'nobody' }, 1),
      ledger.enter(FROM_ALICE, { kind: 'ended', session: 3 }, 2),
    ];
    assert.deepEqual(cancels.map(tell), [
      [null, null, 'unknown_key', null, null],
      [3, null, 'session_gone', null, null],
    ]);
    assert.deepEqual(ledger.list(), cancels);
  });

  it('that is repeated takes effect once more for each that came before the error', () => {
    const story = new Story();
    story.clientSends(20, client.query('select 1'));
    const [first, second] = [story.cancel(30), story.cancel(33)];
    story.serverSends(35, server.error('57014'));
    const third = story.cancel(36);
    story.serverSends(37, server.ready());
    assert.deepEqual(
      [first, second, third].map(({ outcome, effectMs }) => [outcome, effectMs]),
      [
        ['cancelled', 5],
        ['cancelled', 2],
        ['finished_first', null],
      ],
    );
  });

  it('shows why the backend does not react, and so does each later one for the same statement', () => {
    const story = new Story();
    story.clientSends(20, client.query('select hang()'));
    const first = story.cancel(30);
    const diagnosis = { at: 5030, pid: 7, verdict: 'stopped', sentence: 'S.', advice: 'A.', facts: [] };
    story.ledger.diagnosed(story.session.answering!, diagnosis);
    assert.deepEqual([first.diagnosis, story.cancel(6000).diagnosis], [diagnosis, diagnosis]);
    story.serverSends(7000, server.error('57014'), server.ready());
    story.clientSends(8000, client.query('select 2'));
    assert.deepEqual([first.diagnosis, story.cancel(8001).diagnosis], [diagnosis, null]);
  });

  it('is counted only, beyond the limit of the ledger', () => {
    const ledger = new CancelLedger(3);
    for (let at = 0; at < 10; at += 1) ledger.enter(FROM_ALICE, { kind: 'nobody' }, at);
    assert.deepEqual(
      ledger.list().map(({ requestedAt }) => requestedAt),
      [7, 8, 9],
    );
    assert.equal(ledger.dropped, 7);
  });

  it('is not pushed out by any number of requests with keys that nobody has', () => {
    const story = new Story();
    const keys = (count: number, from: number): void => {
      for (let at = 0; at < count; at += 1)
        story.ledger.enter(FROM_ALICE, { kind: 'nobody' }, from + at / 1000);
    };
    keys(1009, 20);
    story.clientSends(30, client.query('select pg_sleep(60)'));
    story.cancel(40);
    keys(1009, 50);
    story.serverSends(60, server.error('57014'), server.ready());
    const listed = story.ledger.list();
    assert.equal(listed.length, 23);
    assert.deepEqual(tell(listed[0]!).slice(0, 4), [7, 1, 'cancelled', 20]);
    assert.ok(
      listed.slice(1).every(({ requestedAt }) => requestedAt > 50.9),
      'the latest',
    );
    assert.equal(story.ledger.dropped, 2 * 1009 + 1 - 23);
  });

  it('that is the latest of too many for statements is kept, and what is dropped is not waited for', () => {
    const story = new Story();
    story.clientSends(30, client.query('select pg_sleep(60)'));
    const cancels = Array.from({ length: 50 }, (_, at) => story.cancel(40 + at));
    story.ledger.enter(FROM_ALICE, { kind: 'nobody' }, 95);
    story.serverSends(100, server.error('57014'), server.ready());
    assert.deepEqual(story.ledger.list(), cancels.slice(-23));
    assert.ok(story.ledger.list().every(({ outcome }) => outcome === 'cancelled'));
    assert.equal(story.ledger.dropped, 51 - 23);
    assert.notEqual(cancels[0]!.awaits, null, 'the ledger has let go of it');
  });
});
