import type { DirectionBooks } from '../relay/pump.ts';
import type { Session } from '../session/session.ts';
import type { Tap } from './options.ts';

/** Direction R of a session, as its pump sees it. */
export class RequestBooks implements DirectionBooks {
  readonly #session: Session;
  readonly #tap: Tap | null;

  constructor(session: Session, tap: Tap | null) {
    this.#session = session;
    this.#tap = tap;
  }

  read(buffer: Buffer, bytes: number, now: number): void {
    this.#session.fromClient(buffer, 0, bytes, now);
    this.#tap?.fromClient(buffer, 0, bytes);
  }

  wrote(): void {
    this.#session.wroteToServer();
  }

  handedOn(now: number): void {
    this.#session.handedToServer(now);
  }

  stallBegan(now: number): void {
    this.#session.serverStallBegan(now);
  }

  stallEnded(now: number): void {
    this.#session.serverStallEnded(now);
  }

  undelivered(bytes: number): void {
    this.#session.undelivered.R = bytes;
  }
}

/** Direction S of a session, as its pump sees it. */
export class ReplyBooks implements DirectionBooks {
  readonly #session: Session;
  readonly #tap: Tap | null;

  constructor(session: Session, tap: Tap | null) {
    this.#session = session;
    this.#tap = tap;
  }

  read(buffer: Buffer, bytes: number, now: number): void {
    this.#session.fromServer(buffer, 0, bytes, now);
    this.#tap?.fromServer(buffer, 0, bytes);
  }

  wrote(): void {
    this.#session.wroteToClient();
  }

  handedOn(now: number): void {
    this.#session.handedToClient(now);
  }

  stallBegan(now: number): void {
    this.#session.clientStallBegan(now);
  }

  stallEnded(now: number): void {
    this.#session.clientStallEnded(now);
  }

  undelivered(bytes: number): void {
    this.#session.undelivered.S = bytes;
  }
}
