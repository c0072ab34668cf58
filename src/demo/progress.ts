/** What of a terminal stream it takes. */
type Terminal = Pick<NodeJS.WriteStream, 'isTTY' | 'columns'> & { write(text: string): unknown };

const EVERY_MS = 200;
const CLEAR_LINE = '\r\x1b[K';
const NARROW = 80;

/** One line on a terminal that tells how far it is, and gives way to other output; nothing on anything else. */
export class ProgressLine {
  readonly #terminal: Terminal;
  readonly #describe: () => string;
  #timer: NodeJS.Timeout | null = null;
  #pauses = 0;

  constructor(terminal: Terminal, describe: () => string) {
    this.#terminal = terminal;
    this.#describe = describe;
  }

  start(): void {
    // A dumb terminal cannot erase a line.
    if (!this.#terminal.isTTY || process.env['TERM'] === 'dumb') return;
    this.#timer = setInterval(() => this.#draw(), EVERY_MS).unref();
  }

  stop(): void {
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
    this.#terminal.write(CLEAR_LINE);
  }

  /** Keeps the line off the terminal while something else is written to it. */
  async aside<T>(write: () => Promise<T>): Promise<T> {
    this.#pauses += 1;
    if (this.#timer !== null) this.#terminal.write(CLEAR_LINE);
    try {
      return await write();
    } finally {
      this.#pauses -= 1;
    }
  }

  #draw(): void {
    if (this.#pauses > 0) return;
    // A line that is as wide as the terminal would wrap, and the rest of it stay.
    const width = (this.#terminal.columns || NARROW) - 1;
    this.#terminal.write(`\r${this.#describe().slice(0, width)}\x1b[K`);
  }
}
