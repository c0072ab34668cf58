import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { suite, test } from 'node:test';
import { writeNow } from '../../src/relay/write_now.ts';

const timeout = 10_000;

/** Two ends of one connection. */
async function connection(): Promise<{ near: net.Socket; far: net.Socket }> {
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const accepted = new Promise<net.Socket>((resolve) => server.once('connection', resolve));
  const near = net.connect({ port: address.port, host: '127.0.0.1' });
  const far = await accepted;
  server.close();
  if (near.connecting) await once(near, 'connect');
  return { near, far };
}

/** Unlike `once` of node:events this does not fail when the socket does. */
function closed(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

function codeOf(error: Error | null): unknown {
  return error === null ? null : Reflect.get(error, 'code');
}

async function readAll(socket: net.Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.resume();
  await once(socket, 'end');
  return Buffer.concat(chunks);
}

/** Fills the connection until the kernel takes no more. @returns what was written */
function fill(near: net.Socket): Buffer {
  const chunks: Buffer[] = [];
  for (let number = 0; ; number += 1) {
    const chunk = Buffer.alloc(65_536, number);
    chunks.push(chunk);
    if (!writeNow(near, chunk)) return Buffer.concat(chunks);
  }
}

suite('A chunk that is written at once', { timeout }, () => {
  test('is gone when the kernel has taken it: nothing is queued, and the buffer may be used again', async () => {
    const { near, far } = await connection();
    const buffer = Buffer.from('first');
    assert.equal(writeNow(near, buffer), true);
    assert.equal(near.writableLength, 0);
    assert.equal(near.bytesWritten, 5);
    buffer.write('XXXXX');
    near.end();
    assert.equal((await readAll(far)).toString(), 'first');
    far.destroy();
  });

  test('is in the queue of the socket while the kernel does not take it, and calls back once it has', async () => {
    const { near, far } = await connection();
    const written = fill(near);
    assert.equal(near.writableLength, 65_536);
    assert.equal(near.bytesWritten, written.length);
    const taken = new Promise<void>((resolve) => near.write('', () => resolve()));
    assert.equal(writeNow(near, Buffer.from('last')), false, 'what comes behind it waits behind it');
    near.end();
    const received = await readAll(far);
    await taken;
    assert.equal(near.writableLength, 0);
    assert.ok(received.equals(Buffer.concat([written, Buffer.from('last')])));
    far.destroy();
  });

  test('is taken at once again after one that was not', async () => {
    const { near, far } = await connection();
    fill(near);
    const drained = once(near, 'drain');
    far.resume();
    await drained;
    assert.equal(writeNow(near, Buffer.from('again')), true);
    near.destroy();
    far.destroy();
  });

  test('breaks the socket with the error of the system when it cannot be written', async () => {
    const { near, far } = await connection();
    near.on('error', () => undefined);
    const gone = closed(near);
    far.resetAndDestroy();
    while (writeNow(near, Buffer.from('x'))) await new Promise(setImmediate);
    await gone;
    assert.match(near.errored?.message ?? '', /^write (EPIPE|ECONNRESET)$/);
  });

  test('breaks the socket when the connection breaks before the kernel has taken it', async () => {
    const { near, far } = await connection();
    const errors: NodeJS.ErrnoException[] = [];
    near.on('error', (error) => errors.push(error));
    fill(near);
    const gone = closed(near);
    far.resetAndDestroy();
    await gone;
    assert.match(errors.map(({ message }) => message).join(), /^(write|read) (EPIPE|ECONNRESET)$/);
  });

  test('is not called back for when the socket is destroyed before the kernel has taken it', async () => {
    const { near, far } = await connection();
    fill(near);
    let taken = false;
    near.write('', (error) => {
      taken = error === null || error === undefined;
    });
    const gone = closed(near);
    near.destroy();
    await gone;
    assert.equal(taken, false);
    far.destroy();
  });

  test('is not written when there is no handle any more', async () => {
    const { near, far } = await connection();
    near.on('error', () => undefined);
    near.destroy();
    assert.equal(writeNow(near, Buffer.from('x')), false);
    assert.equal(codeOf(near.errored), null);
    assert.equal(near.bytesWritten, 0);
    far.destroy();
  });
});
