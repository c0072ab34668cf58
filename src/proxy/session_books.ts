import type { DirectionBooks } from '../relay/pump.ts';
import type { Session } from '../session/session.ts';
import type { Tap } from './options.ts';
import type { Throttle } from './throttle.ts';

/** What the books of both directions need. */
abstract class SessionBooks {
  protected readonly session: Session;
  protected readonly tap: Tap | null;
  protected readonly throttle: Throttle;

  constructor(session: Session, tap: Tap | null, throttle: Throttle) {
    this.session = session;
    this.tap = tap;
    this.throttle = throttle;
  }
}

/** Direction R of a session, as its pump sees it. */
export class RequestBooks extends SessionBooks implements DirectionBooks {
  read(buffer: Buffer, bytes: number, now: number): void {
    this.session.fromClient(buffer, 0, bytes, now);
    this.tap?.fromClient(buffer, 0, bytes);
  }

  /** Behind the server's end: it is no traffic, and ends with pgnetflow. */
  lost(_buffer: Buffer, bytes: number): number {
    this.session.wire.client.ownIn += bytes;
    return 0;
  }

  wrote(): void {
    this.session.wroteToServer();
    this.throttle.hold();
  }

  handedOn(now: number): void {
    this.session.handedToServer(now);
  }

  stallBegan(now: number): void {
    this.session.waits.serverStallBegan(now);
  }

  stallEnded(now: number): void {
    this.session.waits.serverStallEnded(now);
  }

  undelivered(bytes: number): void {
    this.session.undelivered.R = bytes;
  }
}

/** Direction S of a session, as its pump sees it. */
export class ReplyBooks extends SessionBooks implements DirectionBooks {
  read(buffer: Buffer, bytes: number, now: number): void {
    this.session.fromServer(buffer, 0, bytes, now);
    this.tap?.fromServer(buffer, 0, bytes);
  }

  /** It still tells what became of the statements that the client has left behind. */
  lost(buffer: Buffer, bytes: number, now: number): number {
    this.read(buffer, bytes, now);
    return bytes;
  }

  wrote(): void {
    this.session.wroteToClient();
  }

  handedOn(now: number): void {
    this.session.handedToClient(now);
    this.throttle.release();
  }

  stallBegan(now: number): void {
    this.session.waits.clientStallBegan(now);
  }

  stallEnded(now: number): void {
    this.session.waits.clientStallEnded(now);
  }

  undelivered(bytes: number): void {
    this.session.undelivered.S = bytes;
  }
}

/** Direction R of a session with accounting off: bytes, reads, writes and stalls are all that is known of it. */
export class UnreadRequestBooks extends RequestBooks {
  override read(_buffer: Buffer, bytes: number): void {
    this.session.unreadFromClient(bytes);
  }

  override handedOn(): void {
    // No statement ends here.
  }
}

/** Direction S of a session with accounting off. */
export class UnreadReplyBooks extends ReplyBooks {
  override read(_buffer: Buffer, bytes: number): void {
    this.session.unreadFromServer(bytes);
  }

  override handedOn(): void {
    // No statement ends here.
  }
}
