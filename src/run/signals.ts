export interface SignalActions {
  readonly dump: () => void;
  /** What SIGHUP does; null: the same as SIGTERM. */
  readonly hangUp: (() => void) | null;
}

/**
 * SIGINT and SIGTERM ask for the end, a second one ends the process at once with status 1. SIGUSR1 asks for a dump.
 */
export class Signals {
  readonly #listeners: [NodeJS.Signals, () => void][] = [];

  /** Resolves with the signal that asks for the end. */
  stopRequested({ dump, hangUp }: SignalActions): Promise<NodeJS.Signals> {
    this.#on('SIGUSR1', dump);
    return new Promise((resolve) => {
      let asked = false;
      const stop = (signal: NodeJS.Signals): void => {
        if (asked) process.exit(1);
        asked = true;
        resolve(signal);
      };
      this.#on('SIGINT', () => stop('SIGINT'));
      this.#on('SIGTERM', () => stop('SIGTERM'));
      this.#on('SIGHUP', hangUp ?? (() => stop('SIGHUP')));
    });
  }

  release(): void {
    for (const [signal, listener] of this.#listeners) process.off(signal, listener);
  }

  #on(signal: NodeJS.Signals, listener: () => void): void {
    this.#listeners.push([signal, listener]);
    process.on(signal, listener);
  }
}
