/** What was asked for by mail, by number, until the answer is there. */
export class Errands<Answer> {
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #numbered = 0;

  /** @returns its number, from 1 */
  begin(done: (answer: Answer) => void): number {
    this.#numbered += 1;
    this.#waiting.set(this.#numbered, done);
    return this.#numbered;
  }

  /** Calls back; an answer that nobody waits for any more is nothing. */
  done(id: number, answer: Answer): void {
    const done = this.#waiting.get(id);
    this.#waiting.delete(id);
    done?.(answer);
  }
}
