import { Session } from '../../src/session/session.ts';
import { StartupPacketReader } from '../../src/wire/startup_packet.ts';
import { EXCHANGES, GREETING, type Turn } from './conversations.ts';
import { int32, message } from './messages.ts';
import type { Piece } from './piece.ts';

/** As `pgnetflow proxy` has them. */
const LIMITS = { maxQueryBytes: 4096, maxStatementsKept: 200 };

/** Of a COPY: what PostgreSQL writes at once. */
const COPY_CHUNK_BYTES = 8192;
const COPY_CHUNKS = 512;

/** A session's books: the expectation queue, the owner of each message, statements begun and ended. */
export const session: readonly Piece[] = [
  ...EXCHANGES.map(({ name, before, turns, messages }): Piece => {
    const bytes = turns.reduce((sum, turn) => sum + turn.bytes.length, 0);
    return {
      name: `session, \`select 1\`, ${name} protocol`,
      messages,
      bytes,
      make: () => {
        const books = new Books();
        for (const turn of before) books.take(turn);
        const finishedBefore = books.finished;
        return {
          run: (steps) => {
            for (let step = 0; step < steps; step += 1) for (const turn of turns) books.take(turn);
          },
          check: (steps) => books.prove(finishedBefore + steps),
        };
      },
    };
  }),
  copyOut(40),
  copyOut(1024),
];

/** One COPY to the client that never ends: each step is some chunks of it. */
function copyOut(rowBytes: number): Piece {
  const row = message('d', Buffer.alloc(rowBytes - 5));
  const messages = Math.floor(COPY_CHUNK_BYTES / rowBytes);
  const chunk: Turn = { from: 'server', bytes: Buffer.alloc(messages * rowBytes, row) };
  return {
    name: `session, COPY to the client, rows of ${rowBytes} B in chunks of 8 KiB`,
    messages: messages * COPY_CHUNKS,
    bytes: chunk.bytes.length * COPY_CHUNKS,
    make: () => {
      const books = new Books();
      books.take({ from: 'client', bytes: message('Q', 'copy t to stdout\0') });
      books.take({ from: 'server', bytes: message('H', Buffer.from([0, 0, 1, 0, 0])) });
      return {
        run: (steps) => {
          for (let step = 0; step < steps; step += 1) {
            for (let at = 0; at < COPY_CHUNKS; at += 1) books.take(chunk);
          }
        },
        check: () => books.prove(0),
      };
    },
  };
}

/** A session behind its first ReadyForQuery, and the clock that it is told. */
export class Books {
  finished = 0;
  readonly session: Session;
  #now = 1;

  constructor() {
    const observer = {
      statementFinished: (): void => {
        this.finished += 1;
      },
      protocolViolated: (): void => {
        throw new Error('a message that cannot be');
      },
    };
    this.session = new Session(1, { address: '127.0.0.1', port: 1 }, LIMITS, observer, this.#now);
    const body = Buffer.concat([int32(196_608), Buffer.from('user\0postgres\0\0')]);
    const bytes = Buffer.concat([int32(body.length + 4), body]);
    const { packet } = new StartupPacketReader().read(bytes, 0, bytes.length);
    if (packet?.kind !== 'startup_message') throw new Error('not a StartupMessage');
    this.session.start(packet, 1, Buffer.alloc(0), this.#now);
    this.session.wroteToServer();
    this.take({ from: 'server', bytes: GREETING });
  }

  /** What a pump does with one read. */
  take({ from, bytes }: Turn): void {
    this.#now += 0.05;
    if (from === 'client') {
      this.session.fromClient(bytes, 0, bytes.length, this.#now);
      this.session.wroteToServer();
      this.session.handedToServer(this.#now);
    } else {
      this.session.fromServer(bytes, 0, bytes.length, this.#now);
      this.session.wroteToClient();
      this.session.handedToClient(this.#now);
    }
  }

  /** @throws when other than so many statements have ended, or the books do not add up */
  prove(finished: number): void {
    const { bookedBytes, protocolBytes, accounts } = this.session;
    const isRight =
      this.finished === finished &&
      bookedBytes.R === protocolBytes.R &&
      bookedBytes.S === protocolBytes.S &&
      accounts.opaque.S.bytes === 0;
    if (!isRight) throw new Error(`${this.finished} statements of ${finished}, or the books are wrong`);
  }
}
