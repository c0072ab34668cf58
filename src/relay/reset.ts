import type net from 'node:net';

/**
 * Breaks a TCP connection: the other end sees a reset. While a shutdown is under way libuv refuses to, and Node would
 * leave the socket open, and its handle spinning, for ever; so that is waited for.
 *
 * @param raw the connection itself, where `socket` is TLS on it
 */
export function resetSocket(socket: net.Socket, raw: net.Socket = socket): void {
  if (socket.destroyed) return;
  if (socket.writableEnded && !socket.writableFinished && socket.writableLength === 0)
    socket.once('finish', () => resetSocket(socket, raw));
  else raw.resetAndDestroy();
}
