import { once } from 'node:events';
import net from 'node:net';
import { EmbeddedPostgresError } from './error.ts';

const ATTEMPTS = 10;

/** A TCP port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('a TCP server without a port');
  return address.port;
}

/**
 * Calls `start` with a proposed port, again with the next one while the port turns out to be taken. PostgreSQL cannot
 * bind port 0, so between the proposal and the start somebody else may take it.
 */
export async function onFreePort<T>(
  propose: () => Promise<number>,
  start: (port: number) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(await propose());
    } catch (error) {
      const taken = error instanceof EmbeddedPostgresError && error.code === 'POSTGRES_PORT_TAKEN';
      if (!taken || attempt === ATTEMPTS) throw error;
    }
  }
}
