import type net from 'node:net';

/** How long anything may take before it counts as a hang. */
const PATIENCE_MS = 10_000;

/** One end of a connection: keeps what it receives, and lets its script wait. */
export class ScriptedPeer {
  readonly socket: net.Socket;
  ended = false;
  closed = false;
  receivedBytes = 0;
  readonly #received: Buffer[] = [];
  #wake: () => void = () => undefined;

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.#received.push(chunk);
      this.receivedBytes += chunk.length;
      this.#wake();
    });
    socket.on('end', () => {
      this.ended = true;
      this.#wake();
    });
    // A reset is an end like any other here; what had come until then is compared.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
      this.#wake();
    });
  }

  get received(): Buffer {
    return Buffer.concat(this.#received);
  }

  /** Waits until a condition that depends on this peer's events holds. */
  async until(condition: () => boolean, what: string): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`a hang: ${what}`)), PATIENCE_MS);
      this.#wake = () => {
        if (!condition()) return;
        clearTimeout(timer);
        this.#wake = () => undefined;
        resolve();
      };
    });
  }
}
