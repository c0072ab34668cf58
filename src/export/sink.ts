/** Where text goes. Each call of `write` is one unit: nothing else gets between its pieces. */
export interface Sink {
  /** Bytes that have been written since it was opened, parts of what is being written included. */
  readonly written: number;
  /** Resolves when all pieces are written; rejects with the error of the first that could not be. */
  write(pieces: Iterable<string>): Promise<void>;
  close(): Promise<void>;
}

/** Characters that are gathered before they are written. */
const BATCH = 64 * 1024;

/** The same text in pieces of at least so many characters, but for the last. */
export function* batches(pieces: Iterable<string>, size = BATCH): Generator<string> {
  let batch = '';
  for (const piece of pieces) {
    batch += piece;
    if (batch.length < size) continue;
    yield batch;
    batch = '';
  }
  if (batch !== '') yield batch;
}

/** Runs tasks one after the other; a failed one does not keep the next from running. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  next<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(task);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
