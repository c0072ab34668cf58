// When the backend is looked at of a statement that goes on although it was to be cancelled.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HungBackend, ProxyOptions } from '../../src/proxy/options.ts';
import { client, server } from '../support/messages.ts';
import { until } from '../support/until.ts';
import { openSession, type TestProxy } from '../support/proxies.ts';

const timeout = 20_000;
const KEY = Buffer.from([1, 2, 3, 4]);
const FOUND = {
  pid: 4711,
  verdict: 'stopped',
  sentence: 'It is stopped by a signal.',
  advice: 'Let it go on.',
  facts: ['samples: 5 × T (stopped)'],
};

/** A session that runs a statement, and whose backends are "looked at". */
async function running(diagnose: NonNullable<ProxyOptions['diagnose']>, diagnoseAfterMs = 23) {
  const looked: HungBackend[] = [];
  const session = await openSession({
    diagnoseAfterMs,
    diagnose: (backend) => {
      looked.push(backend);
      return diagnose(backend);
    },
  });
  const sql = client.query('select hang()');
  session.client.send(sql);
  await session.server.receive(sql.length);
  const cancel = async (): Promise<void> => {
    const canceller = await session.proxy.connect();
    canceller.send(client.cancel(4711, KEY));
    const carrier = await session.upstream.accept();
    await carrier.receive(16);
    carrier.end();
    await canceller.receiveAll();
    canceller.end();
  };
  const finish = async (...messages: Buffer[]): Promise<void> => {
    session.server.send(...messages, server.ready());
    await session.client.receive(Buffer.concat([...messages, server.ready()]).length);
  };
  return { ...session, looked, cancel, finish };
}

const diagnoses = (proxy: TestProxy): unknown[] =>
  proxy.proxy.report().cancels.map(({ diagnosis }) => diagnosis?.verdict ?? null);

test(
  'a cancel without effect has its backend looked at, and the report and the log say what was found',
  { timeout },
  async () => {
    const before = Date.now();
    const { proxy, looked, cancel } = await running(async () => FOUND);
    await cancel();
    await until(() => diagnoses(proxy)[0] !== null, 'the diagnosis');
    const [backend] = looked;
    assert.deepEqual([backend!.processId, backend!.server.address], [4711, '127.0.0.1']);
    assert.ok(Math.abs(Date.parse(backend!.sessionStartedAt) - before) < 60_000);
    const { at, ...found } = proxy.proxy.report().cancels[0]!.diagnosis!;
    assert.deepEqual(found, FOUND);
    assert.ok(Date.parse(at) >= before - 1000);
    const line = proxy.log.find(({ msg }) => msg.includes('although it was to be cancelled'));
    assert.deepEqual(
      [line!.level, line!.msg],
      [40, 'session 1: statement 1 goes on although it was to be cancelled: It is stopped by a signal.'],
    );
  },
);

test('several cancels of one statement have it looked at once, and all show that', { timeout }, async () => {
  const { proxy, looked, cancel, finish } = await running(async () => FOUND);
  await cancel();
  await cancel();
  await until(() => diagnoses(proxy)[1] !== null, 'the diagnosis');
  await cancel();
  assert.deepEqual(diagnoses(proxy), ['stopped', 'stopped', 'stopped']);
  await finish(server.error('57014'));
  assert.equal(looked.length, 1);
  // What is known stays.
  assert.deepEqual(diagnoses(proxy), ['stopped', 'stopped', 'stopped']);
});

test('a cancel that takes effect in time has nobody looked at', { timeout }, async () => {
  const { proxy, looked, cancel, finish, client: alice } = await running(async () => FOUND, 300);
  await cancel();
  await finish(server.error('57014'));
  // A second statement that hangs: when that is looked at, the time of the first is over.
  alice.send(client.query('select hang()'));
  await until(() => proxy.proxy.report().sessions[0]!.statement_count === 2, 'the second statement');
  await cancel();
  await until(() => diagnoses(proxy)[1] !== null, 'the diagnosis');
  assert.deepEqual(diagnoses(proxy), [null, 'stopped']);
  assert.equal(looked.length, 1);
});

test('a backend that nobody can look at has no diagnosis', { timeout }, async () => {
  const { proxy, looked, cancel } = await running(async () => null);
  await cancel();
  await until(() => looked.length === 1, 'the look');
  assert.deepEqual(diagnoses(proxy), [null]);
});

test('a look that fails is logged, and the proxy goes on', { timeout }, async () => {
  const { proxy, cancel, finish } = await running(() => Promise.reject(new Error('no /proc today')));
  await cancel();
  await until(() => proxy.log.some(({ msg }) => msg.includes('no /proc today')), 'the log');
  assert.deepEqual(diagnoses(proxy), [null]);
  await finish(server.complete('SELECT 1'));
});

test('with --diagnose-after 0 nobody is looked at', { timeout }, async () => {
  const { proxy, looked, cancel } = await running(async () => FOUND, 0);
  await cancel();
  proxy.proxy.stop();
  assert.deepEqual([looked.length, diagnoses(proxy)], [0, [null]]);
});

test('a proxy that stops waits for nobody, and what is found later is not shown', { timeout }, async () => {
  let answer: (found: typeof FOUND) => void = () => undefined;
  const { proxy, looked, cancel } = await running(
    () =>
      new Promise((resolve) => {
        answer = resolve;
      }),
  );
  await cancel();
  await until(() => looked.length === 1, 'the look');
  const { cancels } = proxy.proxy.stop();
  answer(FOUND);
  await new Promise(setImmediate);
  assert.deepEqual([cancels[0]!.outcome, cancels[0]!.diagnosis], ['no_effect', null]);
});

test('two statements that hang are looked at one after the other', { timeout }, async () => {
  const waiting: (() => void)[] = [];
  const { proxy, looked, cancel, upstream } = await running(
    () => new Promise((resolve) => waiting.push(() => resolve(FOUND))),
  );
  await cancel();
  await until(() => looked.length === 1, 'the first');
  // Another session, with another key.
  const startup = client.startup();
  const bob = await proxy.connect();
  bob.send(startup);
  const other = await upstream.accept();
  await other.receive(startup.length);
  const key = Buffer.from([5, 6, 7, 8]);
  other.send(server.authenticationOk(), server.backendKeyData(4712, key), server.ready());
  bob.send(client.query('select hang()'));
  await until(
    () => proxy.proxy.report().sessions.some(({ id, statement_count }) => id > 1 && statement_count === 1),
    'it',
  );
  const canceller = await proxy.connect();
  canceller.send(client.cancel(4712, key));
  const carrier = await upstream.accept();
  await carrier.receive(16);
  carrier.end();
  await canceller.receiveAll();
  assert.equal(looked.length, 1);
  waiting[0]!();
  await until(() => looked.length === 2, 'the second');
  waiting[1]!();
  await until(() => diagnoses(proxy).every((verdict) => verdict === 'stopped'), 'both');
  assert.deepEqual(
    looked.map(({ processId }) => processId),
    [4711, 4712],
  );
});
