/** A hot piece of pgnetflow in memory: what is done for each message, over and over. */
export interface Piece {
  readonly name: string;
  /** Messages in one step. */
  readonly messages: number;
  /** Protocol bytes in one step; null where that says nothing. */
  readonly bytes: number | null;
  make(): RunningPiece;
}

export interface RunningPiece {
  run(steps: number): void;
  /** Proves that so many steps have done what they should. @throws when they have not */
  check(steps: number): void;
}
