import { type ChildProcess, fork } from 'node:child_process';
import type { Answer, Question } from './child.ts';

/** One of the two processes. */
export class Side {
  readonly #child: ChildProcess;
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
    this.#child = fork(file, [], { execArgv: ['--expose-gc', '--max-semi-space-size=64'] });
  }

  async ask(question: Question): Promise<number> {
    const answer = await new Promise<Answer>((resolve) => {
      const gone = (): void => resolve({ error: `${this.#file} has ended` });
      if (!this.#child.connected) {
        gone();
        return;
      }
      this.#child.once('exit', gone);
      this.#child.once('message', (message: Answer) => {
        this.#child.off('exit', gone);
        resolve(message);
      });
      this.#child.send(question);
    });
    if ('error' in answer) throw new SideError(this, answer.error);
    return answer.figure;
  }

  end(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}

/** A side could not do what it was asked. */
export class SideError extends Error {
  readonly side: Side;

  constructor(side: Side, message: string) {
    super(message);
    this.side = side;
  }
}
