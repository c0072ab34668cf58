import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import net from 'node:net';
import { after, describe, it } from 'node:test';
import { pino } from 'pino';
import type { HelperDeadlines } from '../../src/kernel/helper_connection.ts';
import { ProbeSocket } from '../../src/kernel/probe_socket.ts';
import { reconcile } from '../../src/kernel/reconcile.ts';
import type { KernelCauseRecord } from '../../src/report/model.ts';
import { ListenError } from '../../src/relay/listener.ts';
import { client as c, server as s } from '../support/messages.ts';
import { type FakeServer, fakeServer, socketPath } from '../support/peers.ts';
import { until } from '../support/until.ts';
import { type LogLine, openPair, testProxy, type TestProxy } from '../support/proxies.ts';
import { ScriptedHelper } from '../support/scripted_helper.ts';

const timeout = 20_000;
const ATTACH = '{"type":"attach","schema":"pgnetflow.probe/1","at":"2026-11-21","clock_us":0}';

interface Lab {
  readonly path: string;
  readonly probe: ProbeSocket;
  readonly proxy: TestProxy;
  readonly upstream: FakeServer;
  readonly log: LogLine[];
}

async function lab(patienceMs = 10_000, deadlines?: HelperDeadlines): Promise<Lab> {
  const upstream = await fakeServer();
  const proxy = await testProxy(upstream.address);
  const log: LogLine[] = [];
  const path = socketPath();
  const probe = await ProbeSocket.open({
    path,
    patienceMs,
    ...(deadlines && { deadlines }),
    sessions: async () => proxy.proxy.report().sessions.map(({ wire }) => wire),
    log: pino({ level: 'info' }, { write: (line: string) => log.push(JSON.parse(line)) }),
  });
  after(() => probe.close());
  return { path, probe, proxy, upstream, log };
}

/** A session that asks and is answered once. */
async function oneStatement({ proxy, upstream }: Lab) {
  const pair = await openPair(proxy, upstream);
  const query = c.query('select 1');
  const answer = Buffer.concat([s.complete('SELECT 1'), s.ready()]);
  pair.client.send(query);
  await pair.server.receive(query.length);
  pair.server.send(answer);
  await pair.client.receive(answer.length);
  return pair;
}

/** Connects, says this, and waits until it is cut off. */
async function silentPeer({ path, log }: Lab, says: string): Promise<void> {
  const socket = net.connect(path);
  after(() => socket.destroy());
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.resume();
  socket.write(says);
  await closed;
  await until(() => log.some(({ level }) => level === 40), 'the warning');
}

function codes(causes: readonly KernelCauseRecord[]): string[] {
  return causes.map(({ code }) => code);
}

describe('the probe socket', () => {
  it('is for its owner only, and leaves the mask of the process as it was', { timeout }, async () => {
    const mask = process.umask();
    const { path } = await lab();
    const stat = statSync(path);
    assert.ok(stat.isSocket());
    assert.equal(stat.mode & 0o777, 0o600);
    assert.equal(process.umask(), mask);
  });

  it('replaces the socket of a dead process, and refuses that of a living one', { timeout }, async () => {
    const path = socketPath();
    const script =
      'require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))';
    spawnSync(process.execPath, ['-e', script, path]);
    const options = { path, sessions: async () => [], log: pino({ level: 'silent' }) };
    const probe = await ProbeSocket.open(options);
    after(() => probe.close());
    await assert.rejects(
      ProbeSocket.open(options),
      (error) => error instanceof ListenError && error.code === 'EADDRINUSE',
    );
  });

  it('asks for what is pending, waits for it, and finds an open session equal', { timeout }, async () => {
    const all = await lab();
    const helper = await ScriptedHelper.attach(all.path);
    const pair = await oneStatement(all);
    const flushed = all.probe.flush();
    const token = await helper.asked();
    helper.tellSessions(all.proxy.proxy.report(), 'open');
    helper.write({ type: 'flushed', token, clock_us: 5 });
    await flushed;
    const judged = reconcile(all.proxy.proxy.report(), all.probe.ledger);
    assert.deepEqual(judged.sessions[0]!.kernel.causes, []);
    assert.equal(judged.sessions[0]!.kernel.verdict, 'ok');
    assert.equal(judged.sessions[0]!.statements[0]!.kernel?.verdict, 'ok');
    assert.equal(judged.kernel?.helpers[0]?.state, 'attached');
    pair.client.destroy();
  });

  it('waits at the end for the last records of the sessions that it ended', { timeout }, async () => {
    const all = await lab();
    const helper = await ScriptedHelper.attach(all.path);
    await oneStatement(all);
    const report = all.proxy.proxy.stop();
    let settled = false;
    const settle = async (): Promise<void> => {
      await all.probe.settle(report);
      settled = true;
    };
    const settling = settle();
    const token = await helper.asked();
    helper.tellSessions(report, 'open');
    helper.write({ type: 'flushed', token, clock_us: 5 });
    await until(() => all.probe.ledger.sockets === 3, 'the sockets');
    assert.equal(settled, false);
    helper.closeSessions(report);
    await settling;
    assert.equal(reconcile(report, all.probe.ledger).sessions[0]!.kernel.verdict, 'ok');
  });

  it('does not wait for ever for a helper that says nothing', { timeout }, async () => {
    const all = await lab(50);
    const helper = await ScriptedHelper.attach(all.path);
    await oneStatement(all);
    await until(() => all.probe.ledger.helpers.length === 1, 'the helper');
    const report = all.proxy.proxy.stop();
    helper.tellSessions(report, 'nothing');
    await until(() => all.probe.ledger.sockets === 3, 'the sockets');
    await all.probe.settle(report);
    const [session] = reconcile(report, all.probe.ledger).sessions;
    assert.equal(session!.kernel.verdict, 'explained');
    assert.ok(codes(session!.kernel.causes).includes('not_flushed'));
    assert.match(all.log.map(({ msg }) => msg).join('\n'), /did not answer in time/);
  });

  it(
    'tells a second helper why it is not taken, and takes it when the first has gone',
    { timeout },
    async () => {
      const all = await lab();
      const first = await ScriptedHelper.attach(all.path);
      await until(() => all.probe.ledger.helpers.length === 1, 'the first helper');
      const second = await ScriptedHelper.attach(all.path);
      assert.deepEqual(await second.said(), {
        type: 'refused',
        reason: 'another helper is attached to this proxy, which takes one at a time',
      });
      await second.gone();
      first.write({ type: 'detach', clock_us: 9, lost: 0, reason: 'signal' });
      first.end();
      await first.gone();
      await until(() => all.log.some(({ msg }) => msg === 'the kernel helper has gone'), 'its end');
      await ScriptedHelper.attach(all.path);
      await until(() => all.probe.ledger.helpers.length === 2, 'the next helper');
      assert.deepEqual(
        all.probe.ledger.helpers.map(({ state }) => state),
        ['detached', 'attached'],
      );
    },
  );

  const rubbish: [string, (socket: net.Socket) => void, RegExp][] = [
    ['speaks HTTP', (socket) => socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), /line 1: it is no JSON/],
    [
      'begins with something else',
      (socket) => socket.write('{"type":"lost","count":1}\n'),
      /first record is not "attach"/,
    ],
    [
      'speaks another format',
      (socket) =>
        socket.write('{"type":"attach","schema":"pgnetflow.probe/9","at":"2026-11-21","clock_us":0}\n'),
      /pgnetflow\.probe\/9/,
    ],
    // It goes on: nobody waits for its end.
    ['never ends a line', (socket) => socket.write('x'.repeat(2_000_000)), /line 1 has more than 1048576/],
    [
      'ceases to end its lines',
      (socket) => socket.write(`${ATTACH}\n${'x'.repeat(2_000_000)}`),
      /line 2 has more than 1048576 characters/,
    ],
    ['begins with what is no record', (socket) => socket.write('[]\n'), /line 1: it is no JSON object/],
    [
      'turns to rubbish',
      (socket) => {
        socket.write(`${ATTACH}\n`);
        socket.write('rubbish\n'.repeat(10_000));
      },
      /more than 100 of its lines are damaged/,
    ],
    [
      'turns to JSON that is no record',
      (socket) => socket.write(`${ATTACH}\n${'[]\n3\n{"type":7}\n'.repeat(40)}`),
      /more than 100 of its lines are damaged/,
    ],
  ];
  for (const [what, send, problem] of rubbish) {
    it(`cuts off with one line whoever ${what}, and sessions go on`, { timeout }, async () => {
      const all = await lab();
      const socket = net.connect(all.path);
      socket.on('error', () => undefined);
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.resume();
      send(socket);
      await closed;
      await until(() => all.log.some(({ level }) => level === 40), 'the warning');
      const warnings = all.log.filter(({ level }) => level === 40).map(({ msg }) => msg);
      assert.equal(warnings.length, 1);
      assert.match(warnings[0]!, problem);
      await oneStatement(all);
      await ScriptedHelper.attach(all.path);
      await until(() => all.probe.ledger.helpers.at(-1)?.state === 'attached', 'the next helper');
    });
  }

  it(
    'bears a hundred lines that are no records, and any number of records of unknown types',
    { timeout },
    async () => {
      const all = await lab();
      const helper = await ScriptedHelper.attach(all.path);
      for (let times = 0; times < 1000; times += 1) helper.write({ type: 'weather' });
      for (let times = 0; times < 100; times += 1) helper.write([]);
      const flushed = all.probe.flush();
      helper.write({ type: 'flushed', token: await helper.asked(), clock_us: 9 });
      await flushed;
      assert.deepEqual([all.probe.ledger.damagedCount, all.probe.ledger.helpers.length], [100, 1]);
      assert.deepEqual(all.probe.ledger.helpers[0]!.state, 'attached');
    },
  );

  const silent: [string, string, HelperDeadlines, RegExp][] = [
    ['says nothing', '', { firstWordMs: 40, attachMs: 60_000 }, /it has sent no "attach" within 0\.04 s$/],
    [
      'says for ever that it is starting',
      '{"type":"starting"}\n',
      { firstWordMs: 60_000, attachMs: 50 },
      /it has sent no "attach" within 0\.05 s$/,
    ],
    [
      'says what nobody understands',
      '{"type":"weather"}\n',
      { firstWordMs: 40, attachMs: 60_000 },
      /it has sent no "attach" within 0\.04 s$/,
    ],
  ];
  for (const [what, says, deadlines, problem] of silent) {
    it(`does not keep its only place for whoever ${what}`, { timeout }, async () => {
      const all = await lab(10_000, deadlines);
      await silentPeer(all, says);
      const warnings = all.log.filter(({ level }) => level === 40).map(({ msg }) => msg);
      assert.equal(warnings.length, 1);
      assert.match(warnings[0]!, problem);
      const next = await ScriptedHelper.attach(all.path);
      await until(() => all.probe.ledger.helpers.at(-1)?.state === 'attached', 'the next helper');
      // Who has attached is no more in a hurry: another one's time runs out meanwhile.
      await silentPeer(await lab(10_000, deadlines), says);
      next.end();
      await next.gone();
      assert.equal(all.log.filter(({ level }) => level === 40).length, 1);
    });
  }

  it('waits longer for a helper that has said that it is starting', { timeout }, async () => {
    const deadlines = { firstWordMs: 50, attachMs: 60_000 };
    const all = await lab(10_000, deadlines);
    const socket = net.connect(all.path);
    after(() => socket.destroy());
    let closed = false;
    socket.on('close', () => (closed = true));
    socket.resume();
    socket.write('{"type":"starting"}\n');
    await until(() => all.log.length > 0, 'the connection');
    // Somebody who has come later and says nothing is cut off sooner.
    await silentPeer(await lab(10_000, deadlines), '');
    assert.equal(closed, false);
    socket.write(`${ATTACH}\n`);
    await until(() => all.probe.ledger.helpers.length === 1, 'the helper');
    assert.ok(all.log.every(({ level }) => level < 40));
  });

  it('forgets the sockets of nobody', { timeout }, async () => {
    const all = await lab();
    const helper = await ScriptedHelper.attach(all.path);
    await oneStatement(all);
    helper.tellSessions(all.proxy.proxy.report(), 'open');
    for (let port = 1; port <= 5000; port += 1) {
      const sock = `other ${port}`;
      const local = '10.0.0.1:5432';
      const open = {
        type: 'open',
        sock,
        local,
        remote: `10.0.0.2:${port}`,
        clock_us: 1,
        sent: 0,
        received: 0,
      };
      helper.write(open, { type: 'close', sock, clock_us: 2, sent: 0, received: 0 });
    }
    const flushed = all.probe.flush();
    helper.write({ type: 'flushed', token: await helper.asked(), clock_us: 9 });
    await flushed;
    assert.ok(all.probe.ledger.sockets < 2500, String(all.probe.ledger.sockets));
    const [session] = reconcile(all.proxy.proxy.report(), all.probe.ledger).sessions;
    assert.equal(session!.kernel.verdict, 'ok');
  });
});
