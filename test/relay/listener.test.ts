import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { test } from 'node:test';
import { type Address, formatAddress } from '../../src/relay/address.ts';
import { listen, ListenError } from '../../src/relay/listener.ts';
import { connectTo, fakeServer, freePort, socketPath } from '../support/peers.ts';
import { openPair, testProxy } from '../support/proxies.ts';
import { startProxy } from '../../src/proxy/proxy.ts';
import { pino } from 'pino';
import { until } from '../support/until.ts';

const timeout = 10_000;

/** Listens, greets whoever connects, and stops. */
async function serves(address: Address): Promise<void> {
  const listener = await listen(address, (socket) => socket.end('hello'));
  const peer = await connectTo(listener.address);
  assert.equal((await peer.receiveAll()).toString(), 'hello');
  peer.end();
  listener.close();
}

async function failure(address: Address): Promise<ListenError> {
  const result: unknown = await listen(address, (socket) => socket.destroy()).then(
    (listener) => listener.close(),
    (error: unknown) => error,
  );
  assert.ok(result instanceof ListenError, String(result));
  assert.ok(!result.message.includes('\n'));
  assert.ok(result.message.startsWith(`cannot listen on ${formatAddress(address)}: `), result.message);
  assert.ok(result.cause instanceof Error);
  return result;
}

test('a port in use is an error with the code and a sentence', { timeout }, async () => {
  const other = await fakeServer();
  const error = await failure(other.address);
  assert.equal(error.code, 'EADDRINUSE');
  assert.match(error.message, /the address is in use/);
});

test('an address of another machine is an error', { timeout }, async () => {
  const error = await failure({ host: '192.0.2.1', port: 0 });
  assert.equal(error.code, 'EADDRNOTAVAIL');
});

test('a directory that does not exist is named as the cause', { timeout }, async () => {
  const directory = `${socketPath()}/no/such`;
  const error = await failure({ path: `${directory}/.s.PGSQL.5432` });
  assert.ok(
    error.message.endsWith(`: there is no directory ${directory}; make it or choose another path`),
    error.message,
  );
});

test('a path that leads through a file, or in a circle, is an error of listening', { timeout }, async () => {
  const file = socketPath('file');
  writeFileSync(file, '');
  await failure({ path: `${file}/.s.PGSQL.5432` });
  const circle = socketPath('circle');
  symlinkSync(circle, circle);
  await failure({ path: circle });
});

test('too long a path is an error', { timeout }, async () => {
  assert.equal((await failure({ path: socketPath('x'.repeat(200)) })).code, 'ENAMETOOLONG');
});

test('a file, directory or link in place of the socket is named and left alone', { timeout }, async () => {
  const file = socketPath('file');
  writeFileSync(file, 'precious');
  const directory = socketPath('directory');
  mkdirSync(directory);
  const link = socketPath('link');
  symlinkSync('/nowhere/at/all', link);
  for (const [path, what] of [
    [file, 'a file'],
    [directory, 'a directory'],
    [link, 'a symbolic link'],
  ] as const) {
    const { code, message } = await failure({ path });
    assert.equal(code, 'EADDRINUSE');
    assert.ok(
      message.endsWith(`: ${what} is there, and no socket; remove it or choose another path`),
      message,
    );
  }
  assert.ok(statSync(file).isFile());
});

test(
  'a Unix-domain socket that nobody listens on is replaced, and goes with the listener',
  { timeout },
  async () => {
    const path = socketPath();
    const script =
      'require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))';
    spawnSync(process.execPath, ['-e', script, path]);
    assert.ok(statSync(path).isSocket());
    await serves({ path });
    await until(() => !existsSync(path), 'its removal');
  },
);

test('a Unix-domain socket that somebody listens on is not stolen', { timeout }, async () => {
  const other = await fakeServer({ path: socketPath() });
  assert.equal((await failure(other.address)).code, 'EADDRINUSE');
  (await connectTo(other.address)).end();
});

test(
  'a Unix-domain socket whose owner is too busy to accept is not stolen',
  { timeout, skip: process.platform !== 'linux' && 'only Linux says EAGAIN when a backlog is full' },
  async () => {
    const path = socketPath();
    const script =
      'require("net").createServer().listen({ path: process.argv[1], backlog: 1 }, () => console.log("listening"))';
    const owner = spawn(process.execPath, ['-e', script, path]);
    const waiting: net.Socket[] = [];
    try {
      // Its socket file is there before it listens.
      await once(owner.stdout, 'data');
      owner.kill('SIGSTOP');
      let full = false;
      while (!full) {
        const socket = net.connect({ path });
        waiting.push(socket);
        full = await new Promise((resolve) => {
          socket.on('connect', () => resolve(false));
          socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'EAGAIN'));
        });
      }
      assert.equal((await failure({ path })).code, 'EADDRINUSE');
      assert.ok(existsSync(path));
    } finally {
      owner.kill('SIGKILL');
      for (const socket of waiting) socket.destroy();
    }
  },
);

test('several listeners of one proxy serve alike, and all are closed by stop()', { timeout }, async () => {
  const upstream = await fakeServer();
  const path = socketPath();
  const proxy = await testProxy(upstream.address, {
    listen: [{ host: '127.0.0.1', port: 0 }, { path }, { host: '127.0.0.1', port: 0 }],
  });
  for (const address of proxy.proxy.addresses) {
    const pair = await openPair({ ...proxy, connect: () => connectTo(address) }, upstream);
    pair.client.end();
    pair.server.end();
  }
  const report = await proxy.settled();
  assert.deepEqual(
    report.sessions.map((session) => session.client.address).toSorted(),
    [path, '127.0.0.1', '127.0.0.1'].toSorted(),
  );
  proxy.proxy.stop();
  for (const address of proxy.proxy.addresses) await assert.rejects(connectTo(address));
});

test('a proxy that cannot listen on one of its addresses leaves none open', { timeout }, async () => {
  const upstream = await fakeServer();
  const free = { host: '127.0.0.1', port: await freePort() };
  await assert.rejects(
    startProxy({
      listen: [free, upstream.address],
      upstream: upstream.address,
      maxSessionsKept: 1,
      maxQueryBytes: 1,
      maxStatementsKept: 1,
      connectTimeoutMs: 1,
      startupTimeoutMs: 1,
      cancelTimeoutMs: 1,
      log: pino({ level: 'silent' }),
    }),
    { name: 'ListenError', code: 'EADDRINUSE' },
  );
  await assert.rejects(connectTo(free), { code: 'ECONNREFUSED' });
});

test('a listener hands over nothing after its close', { timeout }, async () => {
  const sockets: net.Socket[] = [];
  const listener = await listen({ host: '127.0.0.1', port: 0 }, (socket) => sockets.push(socket));
  listener.close();
  await assert.rejects(connectTo(listener.address));
  assert.equal(sockets.length, 0);
});
