import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { after, describe, it } from 'node:test';
import { EventStreams } from '../../src/http/event_streams.ts';
import { until } from '../support/until.ts';

const FIGURES = JSON.stringify('x'.repeat(1 << 20));

/** A server whose every answer is the stream; connections to it. */
async function serve(streams: EventStreams): Promise<() => net.Socket> {
  const server = http.createServer((_, response) => void streams.add(response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  after(() => {
    streams.stop();
    server.close();
  });
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return () => {
    const socket = net.connect(address.port, '127.0.0.1', () =>
      socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'),
    );
    socket.on('error', () => undefined);
    return socket;
  };
}

describe('the stream of events', { timeout: 30_000 }, () => {
  it('cuts off who does not read, keeps little for him, and goes on for whoever reads', async () => {
    let made = 0;
    const streams = new EventStreams(async () => {
      made += 1;
      return FIGURES;
    }, 5);
    const connect = await serve(streams);
    let bytes = 0;
    const quick = connect().on('data', (chunk) => (bytes += chunk.length));
    const slow = connect();
    await until(() => streams.size === 2, 'both');
    await until(() => streams.size === 1, 'the end of the slow one');
    const before = bytes;
    await until(() => bytes > before + 3 * FIGURES.length, 'three more events for the quick one');
    // What waited in the kernel for the slow one, and one event in this process.
    slow.resume();
    await once(slow, 'close');
    assert.ok(slow.bytesRead < bytes, `${slow.bytesRead} of ${bytes}`);
    quick.destroy();
    await until(() => streams.size === 0, 'the end');
    const last = made;
    await new Promise(setImmediate);
    assert.ok(made <= last + 1, 'nothing is made for nobody');
  });

  it('ends for all when figures cannot be had, so that they come back', async () => {
    const streams = new EventStreams(async () => {
      throw new Error('no figures');
    }, 5);
    const connect = await serve(streams);
    const socket = connect();
    socket.resume();
    await once(socket, 'close');
    await until(() => streams.size === 0, 'the end of the stream');
  });
});
