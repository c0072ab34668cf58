import net from 'node:net';
import { Leg, type LegListener } from '../../src/relay/leg.ts';
import { type DirectionBooks, Pump } from '../../src/relay/pump.ts';
import { ReplyBooks } from '../../src/proxy/session_books.ts';
import { Throttle } from '../../src/proxy/throttle.ts';
import { message } from './messages.ts';
import type { Piece } from './piece.ts';
import { Books } from './session.ts';

const ROW_BYTES = 1024;
const ROWS_PER_CHUNK = 8;
const CHUNKS = 512;

/** Takes everything at once, as a kernel with room for it. */
class RoomySocket extends net.Socket {
  taken = 0;
  override write(chunk: unknown): boolean {
    if (chunk instanceof Buffer) this.taken += chunk.length;
    return true;
  }
}

const LISTENER: LegListener = { read: () => true, ended: () => undefined, closed: () => undefined };

/** The relay in memory: what happens between a read of a COPY and its write, with books. */
export const pump: readonly Piece[] = [
  pumpPiece('with the books', (books, to) => new ReplyBooks(books, null, new Throttle(books, to))),
];

export function pumpPiece(
  name: string,
  booksOf: (session: Books['session'], to: Leg) => DirectionBooks,
): Piece {
  const bytes = ROW_BYTES * ROWS_PER_CHUNK;
  return {
    name: `relay pump, COPY of 1 KB rows in chunks of 8 KiB, ${name}`,
    messages: ROWS_PER_CHUNK * CHUNKS,
    bytes: bytes * CHUNKS,
    make: () => {
      const books = new Books();
      books.take({ from: 'client', bytes: message('Q', 'copy t to stdout\0') });
      books.take({ from: 'server', bytes: message('H', Buffer.from([0, 0, 1, 0, 0])) });
      const socket = new RoomySocket();
      const { session } = books;
      const from = new Leg(() => new RoomySocket(), session.wire.server, LISTENER);
      const to = new Leg(() => socket, session.wire.client, LISTENER);
      const relay = new Pump(from, to, booksOf(session, to));
      const buffer = Buffer.alloc(bytes, message('d', Buffer.alloc(ROW_BYTES - 5)));
      return {
        run: (steps) => {
          for (let step = 0; step < steps; step += 1) {
            for (let at = 0; at < CHUNKS; at += 1) {
              if (!relay.pass(buffer, bytes)) throw new Error('the socket was full');
            }
          }
        },
        check: (steps) => {
          if (socket.taken !== steps * CHUNKS * bytes) throw new Error(`${socket.taken} bytes were written`);
        },
      };
    },
  };
}
