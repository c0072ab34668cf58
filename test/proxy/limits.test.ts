// What a proxy does when there is too much of something.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { client, server } from '../support/messages.ts';
import { connectTo, fakeServer, freePort, type Peer } from '../support/peers.ts';
import {
  greeting,
  onlySession,
  openPair,
  testProxy,
  type TestProxy,
  KEY,
  leave,
  refusalOf,
} from '../support/proxies.ts';
import { until } from '../support/until.ts';

const timeout = 30_000;
const MAIN = path.join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.js');

async function turnedAway(proxy: TestProxy, ...bytes: Buffer[]): Promise<void> {
  const alice = await proxy.connect();
  alice.send(...bytes);
  const error = await refusalOf(alice);
  assert.equal(error['S'], 'FATAL');
  assert.equal(error['C'], '53300');
  assert.match(error['M']!, /^sorry, too many clients already: pgnetflow takes 3 .*--max-connections/);
}

const warnings = (proxy: TestProxy, part: string): number =>
  proxy.log.filter(({ level, msg }) => level >= 40 && msg.includes(part)).length;

describe('--max-connections', () => {
  test(
    'refuses the client after the last, which costs and changes nothing else, until one goes',
    { timeout },
    async () => {
      const upstream = await fakeServer();
      const proxy = await testProxy(upstream.address, { maxConnections: 3 });
      const pairs = [];
      for (let at = 0; at < 3; at += 1) pairs.push(await openPair(proxy, upstream));
      for (let at = 0; at < 23; at += 1) await turnedAway(proxy, client.startup());
      assert.equal(upstream.connections, 3);
      assert.equal(proxy.proxy.openSessions, 3);
      pairs[0]!.client.send(client.terminate());
      pairs[0]!.client.end();
      pairs[0]!.server.end();
      await until(() => proxy.proxy.openSessions === 2, 'the end of the first');
      pairs.push(await openPair(proxy, upstream));
      for (const pair of pairs) leave(pair);
      const report = await proxy.settled();
      assert.deepEqual(report.refused, { connections: 23, cancels: 0 });
      assert.equal(report.sessions.length + report.dropped.sessions, 4);
      // Logged once, not 23 times.
      assert.equal(warnings(proxy, 'too many clients'), 1);
    },
  );

  test('lets cancel requests pass, after an SSLRequest, too', { timeout }, async () => {
    const upstream = await fakeServer();
    const proxy = await testProxy(upstream.address, { maxConnections: 3 });
    const pairs = [];
    for (let at = 0; at < 3; at += 1) pairs.push(await openPair(proxy, upstream));
    await turnedAway(proxy, client.startup());
    for (const negotiate of [false, true]) {
      const canceller = await proxy.connect();
      if (negotiate) {
        canceller.send(client.sslRequest());
        await canceller.receive(1);
      }
      canceller.send(client.cancel(4711, KEY));
      const carrier = await upstream.accept();
      assert.deepEqual(await carrier.receive(16), client.cancel(4711, KEY));
      carrier.end();
      await canceller.receiveAll();
      canceller.end();
    }
    for (const pair of pairs) leave(pair);
    const { cancels } = await proxy.settled();
    assert.equal(cancels.filter(({ delivered_at }) => delivered_at !== null).length, 2);
  });

  test('has a bound for those that say nothing, too: the oldest makes room', { timeout }, async () => {
    const upstream = await fakeServer();
    const proxy = await testProxy(upstream.address, { maxConnections: 3 });
    const pairs = [];
    for (let at = 0; at < 3; at += 1) pairs.push(await openPair(proxy, upstream));
    const silent: Peer[] = [];
    for (let at = 0; at < 100; at += 1) silent.push(await proxy.connect());
    await until(() => proxy.proxy.openSessions === 103, 'all to be taken');
    const canceller = await proxy.connect();
    canceller.send(client.cancel(4711, KEY));
    const carrier = await upstream.accept();
    assert.deepEqual(await carrier.receive(16), client.cancel(4711, KEY));
    await until(() => silent[0]!.closed || silent[0]!.ended, 'the oldest to be cut off');
    assert.equal(silent.filter(({ closed, ended }) => closed || ended).length, 1);
    carrier.end();
    for (const peer of [canceller, ...silent]) peer.end();
    for (const pair of pairs) leave(pair);
    const report = await proxy.settled();
    assert.equal(report.refused.connections, 1);
    const cutOff = report.sessions.filter(
      ({ end_detail: detail }) => detail?.includes('too many such') === true,
    );
    assert.deepEqual(
      cutOff.map(({ end_reason: reason }) => reason),
      ['refused'],
    );
    assert.equal(warnings(proxy, 'a client was cut off'), 1);
  });

  test('is not reached by clients that failed', { timeout }, async () => {
    const proxy = await testProxy({ host: '127.0.0.1', port: await freePort() }, { maxConnections: 3 });
    for (let at = 0; at < 7; at += 1) {
      const alice = await proxy.connect();
      alice.send(client.startup());
      assert.equal((await refusalOf(alice))['C'], '57P03');
    }
    assert.equal((await proxy.settled()).refused.connections, 0);
    // Logged once, not 7 times.
    assert.equal(warnings(proxy, 'could not connect to the PostgreSQL server'), 1);
  });
});

describe('a start-up', () => {
  for (const [name, request] of [
    ['SSLRequest', client.sslRequest()],
    ['GSSENCRequest', client.gssencRequest()],
  ] as const) {
    test(`takes one ${name} and no second one`, { timeout }, async () => {
      const upstream = await fakeServer();
      const proxy = await testProxy(upstream.address);
      const alice = await proxy.connect();
      alice.send(request);
      assert.equal((await alice.receive(1)).toString(), 'N');
      alice.send(request);
      const error = await refusalOf(alice);
      assert.deepEqual([error['S'], error['C']], ['FATAL', '0A000']);
      assert.match(
        error['M']!,
        /^unsupported frontend protocol 1234\.56(?:79|80): server supports 3\.0 to 3\.2$/,
      );
      assert.equal(onlySession(await proxy.settled()).end_reason, 'refused');
      assert.equal(upstream.connections, 0);
    });
  }

  test('that comes byte by byte ends by --startup-timeout all the same', { timeout }, async () => {
    const upstream = await fakeServer();
    const proxy = await testProxy(upstream.address, { startupTimeoutMs: 211 });
    const loris = await proxy.connect();
    const bytes = client.startup({ user: 'x'.repeat(9000) });
    const began = performance.now();
    for (let at = 0; !loris.ended && !loris.closed; at += 1) {
      loris.send(bytes.subarray(at, at + 1));
      await setTimeout(5);
    }
    assert.ok(performance.now() - began < 5000);
    assert.deepEqual(await loris.receiveAll(), Buffer.alloc(0));
    loris.end();
    assert.equal(onlySession(await proxy.settled()).end_detail, 'no startup packet within 0.211 s');
  });
});

test('a flood of cancel requests is bounded, and the next is forwarded again', { timeout }, async () => {
  const upstream = await fakeServer();
  const proxy = await testProxy(upstream.address, { maxCancels: 7 });
  const cancellers: Peer[] = [];
  for (let at = 0; at < 7; at += 1) {
    const canceller = await proxy.connect();
    canceller.send(client.cancel(at, KEY));
    cancellers.push(canceller);
  }
  const carriers = [];
  for (let at = 0; at < 7; at += 1) carriers.push(await upstream.accept());
  for (let at = 0; at < 101; at += 1) {
    const canceller = await proxy.connect();
    canceller.send(client.cancel(at, KEY));
    // Told nothing, as by the server.
    assert.deepEqual(await canceller.receiveAll(), Buffer.alloc(0));
    canceller.end();
  }
  assert.equal(upstream.connections, 7);
  for (const carrier of carriers) carrier.end();
  await Promise.all(cancellers.map((canceller) => canceller.receiveAll()));
  const canceller = await proxy.connect();
  canceller.send(client.cancel(1, KEY));
  (await upstream.accept()).end();
  await canceller.receiveAll();
  const { cancels, refused } = await proxy.settled();
  assert.equal(refused.cancels, 101);
  assert.equal(cancels.filter(({ error }) => error?.includes('--max-cancels') === true).length, 101);
  assert.equal(cancels.filter(({ delivered_at }) => delivered_at !== null).length, 8);
  assert.equal(warnings(proxy, 'cancel request'), 1);
});

test('cancel requests that cannot be delivered are listed each, and logged once', { timeout }, async () => {
  const proxy = await testProxy({ host: '127.0.0.1', port: await freePort() });
  for (let at = 0; at < 23; at += 1) {
    const canceller = await proxy.connect();
    canceller.send(client.cancel(at, KEY));
    await canceller.receiveAll();
    canceller.end();
  }
  const { cancels } = await proxy.settled();
  assert.equal(cancels.filter(({ error }) => error?.includes('connection refused') === true).length, 23);
  assert.equal(warnings(proxy, 'cancel request'), 1);
});

/** `pgnetflow proxy` in a process that may open so many files. */
async function withOpenFiles(limit: number): Promise<{
  child: ChildProcess;
  log: () => string;
  address: { host: string; port: number };
}> {
  const upstream = await fakeServer();
  upstream.onPeer((peer) => {
    peer.socket.once('data', () => peer.send(greeting));
    peer.socket.once('end', () => peer.end());
  });
  assert.ok('port' in upstream.address);
  const address = { host: '127.0.0.1', port: await freePort() };
  const command = [process.execPath, MAIN, 'proxy', '--report', 'none'];
  const addresses = ['--upstream', `127.0.0.1:${upstream.address.port}`, '--listen', `${address.port}`];
  const child = spawn('sh', ['-c', `ulimit -n ${limit} && exec "$0" "$@"`, ...command, ...addresses], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  after(() => child.kill('SIGKILL'));
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  await until(() => log.includes('listens'), 'the proxy to listen');
  return { child, log: () => log, address };
}

const skip = process.platform === 'win32' && 'there is no ulimit';

test(
  'a proxy that may open no more files lives on, and does not log a line per connection',
  { timeout, skip },
  async () => {
    const { child, log, address } = await withOpenFiles(64);
    const lines = (): number => log().split('\n').length;
    const before = lines();
    const silent: Peer[] = [];
    // They take all files there are; the rest is turned away by the system, or waits.
    for (let at = 0; at < 211; at += 1) silent.push(await connectTo(address));
    await setTimeout(100);
    assert.ok(lines() - before <= 2, log());
    for (const peer of silent) peer.destroy();
    await until(() => silent.every(({ closed }) => closed), 'all to go');
    assert.equal(child.exitCode, null);
    const alice = await untilServed(address);
    alice.send(client.terminate());
    alice.end();
    child.kill('SIGTERM');
    await once(child, 'exit');
    assert.equal(child.exitCode, 0, log());
  },
);

test(
  'where fewer files may be opened than --max-connections needs, clients are refused in words all the same',
  { timeout, skip: process.platform !== 'linux' && 'the limit can be seen on Linux only' },
  async () => {
    const { log, address } = await withOpenFiles(400);
    const taken: Peer[] = [];
    for (let at = 0; at < 127; at += 1) taken.push(await untilServed(address));
    for (let at = 0; at < 23; at += 1) {
      const alice = await connectTo(address);
      alice.send(client.startup());
      const error = await refusalOf(alice);
      assert.equal(error['C'], '53300');
      assert.match(error['M']!, /127 connections .*ulimit -n/);
    }
    assert.equal(log().split('too many clients').length, 2, log());
    for (const peer of taken) peer.destroy();
  },
);

/** Tries to open a session until one is had. */
async function untilServed(address: { host: string; port: number }): Promise<Peer> {
  for (let turn = 0; ; turn += 1) {
    const alice = await connectTo(address);
    alice.send(client.startup());
    try {
      assert.deepEqual(await alice.receive(greeting.length), greeting);
      return alice;
    } catch (error) {
      alice.destroy();
      if (turn === 100) throw error;
      await setTimeout(10);
    }
  }
}

const WANTED = 10_007;
const ENOUGH = 5003;

test(`${WANTED} idle sessions at a time`, { timeout: 240_000 }, async (t) => {
  if (process.platform !== 'linux') {
    t.skip('the limit of open files can be seen on Linux only');
    return;
  }
  // Each process raises its limit as far as it may.
  const start = (script: string, ...args: string[]) => {
    const child = spawn(
      'sh',
      ['-c', 'ulimit -n 24000 2>/dev/null; exec "$0" "$@"', process.execPath, script, ...args],
      { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
    );
    after(() => child.kill('SIGKILL'));
    return child;
  };
  const support = (name: string): string => path.join(import.meta.dirname, '..', 'support', name);
  const idle = start(support('idle_server.js'), greeting.toString('base64'));
  const [upstreamPort] = await once(idle, 'message');
  const child = start(support('proxy_process.js'), String(upstreamPort));
  const ask = async (question: string): Promise<number> => {
    child.send(question);
    const [answer] = await once(child, 'message');
    return Number(answer);
  };
  const address = { host: '127.0.0.1', port: await ask('port') };
  // Two of each session are the proxy's, one is here.
  const sessions = Math.min(
    WANTED,
    Math.floor((openFilesLimit(child.pid!) - 200) / 2),
    openFilesLimit(process.pid) - 500,
  );
  if (sessions < ENOUGH) {
    t.skip(`the limit of open files (ulimit -Hn) allows ${sessions} sessions only`);
    return;
  }
  const memory = await ask('memory');
  const clients: Peer[] = [];
  while (clients.length < sessions) {
    const some = await Promise.all(
      Array.from({ length: Math.min(100, sessions - clients.length) }, () => connectTo(address)),
    );
    for (const peer of some) peer.send(client.startup());
    await Promise.all(some.map((peer) => peer.receive(greeting.length)));
    clients.push(...some);
  }
  const each = ((await ask('memory')) - memory) / sessions;
  t.diagnostic(`${sessions} sessions, ${(each / 1024).toFixed(1)} KiB of resident memory each`);
  assert.equal(await ask('sessions'), sessions);
  assert.ok(each < 128 * 1024, `${each} bytes each`);
  // They are all alive.
  for (const at of [0, Math.floor(sessions / 2), sessions - 1]) {
    clients[at]!.send(client.query('select 1'));
    await clients[at]!.receive(server.ready().length);
  }
  for (const peer of clients) peer.end();
  for (let open = sessions; open > 0; open = await ask('sessions')) await setTimeout(20);
});

function openFilesLimit(pid: number): number {
  const limits = readFileSync(`/proc/${pid}/limits`, 'utf8');
  return Number(/^Max open files +(\d+)/m.exec(limits)?.[1]);
}
