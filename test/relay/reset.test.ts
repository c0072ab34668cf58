import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, test } from 'node:test';
import { resetSocket } from '../../src/relay/reset.ts';

const timeout = 10_000;

/** Both ends of a connection. */
async function connection(): Promise<{ near: net.Socket; far: net.Socket }> {
  const server = net.createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  after(() => server.close());
  await once(server, 'listening');
  const bound = server.address();
  assert.ok(bound !== null && typeof bound !== 'string');
  const near = net.connect({ host: '127.0.0.1', port: bound.port, allowHalfOpen: true });
  const accepted = new Promise<net.Socket>((resolve) => server.once('connection', resolve));
  await once(near, 'connect');
  return { near, far: await accepted };
}

test('a reset is one for the other end', { timeout }, async () => {
  const { near, far } = await connection();
  const [[error]] = await Promise.all([once(far, 'error'), Promise.resolve(resetSocket(near))]);
  assert.equal(error.code, 'ECONNRESET');
});

test('a connection that is being shut down is closed by a reset all the same', { timeout }, async () => {
  const { near, far } = await connection();
  far.on('error', () => undefined);
  const closed = Promise.all([once(near, 'close'), once(far, 'close')]);
  near.end();
  // libuv has not shut it down yet.
  resetSocket(near);
  far.resume();
  far.end();
  await closed;
  assert.equal(near.destroyed, true);
});
