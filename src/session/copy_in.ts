/** Where the two sides of a COPY FROM STDIN stand. A client may send all of its data before it is asked for any. */
export class CopyIn {
  /**
   * The client's data: `open` while it sends, `ended` after CopyDone or CopyFail. One of the extended protocol is `synced`
   * by the Sync behind that.
   */
  data: 'none' | 'open' | 'ended' | 'synced' = 'none';
  /** Tail of the expectation queue when the client last ended its data. */
  endedAt = -1;
  /** CopyInResponse messages from the server: a Query may hold several COPYs. */
  #invitations = 0;
  /** CopyDone and CopyFail messages from the client. */
  #ends = 0;

  get invited(): boolean {
    return this.#invitations > 0;
  }

  /** The server has asked for data that the client has not ended. */
  get open(): boolean {
    return this.#invitations > this.#ends;
  }

  /** The server asks for data. */
  invite(): void {
    this.#invitations += 1;
  }

  /** The client ends its data. @param queueTail what it sends from here on is not within the COPY */
  end(queueTail: number): void {
    this.data = 'ended';
    this.#ends += 1;
    this.endedAt = queueTail;
  }

  /** The client will end nothing more: it has turned to something else. */
  leave(): void {
    this.#ends = this.#invitations;
  }
}
