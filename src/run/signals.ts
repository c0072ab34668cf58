import { closeUnwantedDebugger } from './debugger.ts';
import { onDumpSignal } from './dump_signal.ts';

export interface SignalActions {
  readonly dump: () => void;
  /** What SIGHUP does; null: the same as SIGTERM. */
  readonly hangUp: (() => void) | null;
  /** What a second SIGINT or SIGTERM does; null: it ends the process at once, as a third one always does. */
  readonly again?: (() => void) | null;
}

/**
 * SIGINT and SIGTERM ask for the end, further ones are in a hurry: the process ends with status 1. SIGUSR1 asks for a
 * dump, even if it has come before this.
 */
export class Signals {
  readonly #listeners: [NodeJS.Signals, () => void][] = [];

  /** Resolves with the signal that asks for the end. */
  stopRequested({ dump, hangUp, again = null }: SignalActions): Promise<NodeJS.Signals> {
    closeUnwantedDebugger();
    onDumpSignal(dump);
    return new Promise((resolve) => {
      let asked = 0;
      const stop = (signal: NodeJS.Signals): void => {
        asked += 1;
        if (asked === 1) resolve(signal);
        else if (asked === 2 && again !== null) again();
        else process.exit(1);
      };
      this.#on('SIGINT', () => stop('SIGINT'));
      this.#on('SIGTERM', () => stop('SIGTERM'));
      this.#on('SIGHUP', hangUp ?? (() => stop('SIGHUP')));
    });
  }

  release(): void {
    onDumpSignal(null);
    for (const [signal, listener] of this.#listeners) process.off(signal, listener);
  }

  #on(signal: NodeJS.Signals, listener: () => void): void {
    this.#listeners.push([signal, listener]);
    process.on(signal, listener);
  }
}
