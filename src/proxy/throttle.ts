import type { Leg } from '../relay/leg.ts';
import type { Session } from '../session/session.ts';

/**
 * Stops reading from a client that sends far more than the server has answered: each thing that is owed takes memory,
 * and a client can ask in 6 bytes. It goes on by itself, for what is owed will be answered whatever the client does.
 */
export class Throttle {
  readonly #session: Session;
  readonly #client: Leg;
  #held = false;

  constructor(session: Session, client: Leg) {
    this.#session = session;
    this.#client = client;
  }

  /** The client has sent something. */
  hold(): void {
    if (!this.#session.overdrawn) return;
    this.#held = true;
    this.#client.pause();
  }

  /** The server has answered something. */
  release(): void {
    if (!this.#held || this.#session.overdrawn) return;
    this.#held = false;
    this.#client.resume();
  }
}
