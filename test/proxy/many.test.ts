import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { client } from '../support/messages.ts';
import { connectTo, fakeServer, type Peer } from '../support/peers.ts';
import { greeting, testProxy } from '../support/proxies.ts';
import { until } from '../support/until.ts';

const timeout = 30_000;
const SESSIONS = 1009;

/** Sockets and other files that this process has open; null where that cannot be seen. */
function openFiles(): number | null {
  return process.platform === 'linux' ? readdirSync('/proc/self/fd').length : null;
}

test(`${SESSIONS} sessions are opened, idle and closed without a leak`, { timeout }, async () => {
  const upstream = await fakeServer();
  upstream.onPeer((peer) => {
    peer.socket.once('data', () => peer.send(greeting));
    peer.socket.once('end', () => peer.end());
  });
  const proxy = await testProxy(upstream.address);
  const before = openFiles();
  const clients: Peer[] = [];
  while (clients.length < SESSIONS) {
    const some = await Promise.all(
      Array.from({ length: Math.min(100, SESSIONS - clients.length) }, () => proxy.connect()),
    );
    for (const peer of some) peer.send(client.startup());
    await Promise.all(some.map((peer) => peer.receive(greeting.length)));
    clients.push(...some);
  }
  assert.equal(proxy.proxy.openSessions, SESSIONS);
  for (const [at, peer] of clients.entries()) {
    if (at % 3 === 0) peer.send(client.terminate());
    if (at % 7 === 0) peer.reset();
    else peer.end();
  }
  const report = await proxy.settled();
  assert.equal(report.sessions.length, SESSIONS);
  await until(() => clients.every((peer) => peer.closed), 'all clients');
  if (before !== null) await until(() => openFiles()! <= before, 'all sockets to be closed');
});

test('an idle session costs little memory', { timeout }, async (t) => {
  const upstream = await fakeServer();
  upstream.onPeer((peer) => {
    peer.socket.once('data', () => peer.send(greeting));
  });
  assert.ok('port' in upstream.address);
  // In a process of its own, so that only the proxy's memory is seen.
  const script = path.join(import.meta.dirname, '..', 'support', 'proxy_process.js');
  const child = spawn(process.execPath, ['--expose-gc', script, String(upstream.address.port)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ask = async (question: string): Promise<number> =>
    new Promise((resolve) => {
      child.once('message', (answer) => resolve(Number(answer)));
      child.send(question);
    });
  try {
    const address = { host: '127.0.0.1', port: await ask('port') };
    const open = async (): Promise<void> => {
      const peer = await connectTo(address);
      peer.send(client.startup());
      await peer.receive(greeting.length);
    };
    for (let at = 0; at < 101; at += 1) await open();
    const before = await ask('memory');
    for (let at = 0; at < 503; at += 1) await open();
    const after = await ask('memory');
    const each = (after - before) / 503;
    t.diagnostic(`an idle session costs the proxy ${(each / 1024).toFixed(1)} KiB of resident memory`);
    assert.ok(each < 256 * 1024, `${each} bytes each`);
  } finally {
    child.kill('SIGKILL');
  }
});
