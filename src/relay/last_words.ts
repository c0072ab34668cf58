/* oxlint-disable no-underscore-dangle -- Node names the methods that implement a stream so. */
import type net from 'node:net';

type Done = (error?: Error | null) => void;

/**
 * Lets a socket be read to its end although writing to it has failed.
 *
 * A server that gives a session up says why, closes, and answers with a reset what the client still sends. Node
 * destroys a socket as soon as a write fails, with everything that has come and was not read yet: the client would
 * never see the error. So the failure is kept back until the stream that comes from the other end has ended.
 */
export function keepLastWords(socket: net.Socket): void {
  const write = socket._write.bind(socket);
  let done: Done = () => undefined;
  // There is one write at a time, so one callback serves them all.
  const written: Done = (error) => {
    if (error === null || error === undefined || socket.readableEnded) done(error);
    else socket.once('end', () => done(error));
  };
  socket._write = (chunk, encoding, callback) => {
    done = callback;
    write(chunk, encoding, written);
  };
}
