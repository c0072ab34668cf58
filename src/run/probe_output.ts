import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { ProbeError } from '../kernel/probe/probe_error.ts';

/** Bytes that may wait for a reader that is slow. */
const MAX_WAITING = 64 * 1024 * 1024;

/** Where records go: a line of JSON each, many in one write. */
export class ProbeOutput {
  readonly #stream: Writable;
  #lines: string[] = [];
  #scheduled = false;
  #refused = 0;
  /** Resolves when nobody reads any more. */
  readonly gone: Promise<void>;
  #isGone = false;

  private constructor(stream: Writable) {
    this.#stream = stream;
    this.gone = new Promise((resolve) => {
      const leave = (): void => {
        this.#isGone = true;
        resolve();
      };
      stream.on('error', leave);
      stream.on('close', leave);
    });
  }

  static standardOutput(): ProbeOutput {
    return new ProbeOutput(process.stdout);
  }

  /**
   * Connects to a proxy's probe socket.
   *
   * @param onFlush is told the token of each request
   * @throws {ProbeError} `PROBE_NO_PROXY`
   */
  static async connect(file: string, onFlush: (token: number) => void): Promise<ProbeOutput> {
    const socket = connect(file);
    try {
      await once(socket, 'connect');
    } catch (cause) {
      throw new ProbeError('PROBE_NO_PROXY', refusal(file, cause), { cause });
    }
    readRequests(socket, onFlush);
    return new ProbeOutput(socket);
  }

  /** False when the reader is too slow for what waits already: the record is lost then. */
  write(record: object): boolean {
    if (this.#isGone) return true;
    if (this.#stream.writableLength > MAX_WAITING) {
      this.#refused += 1;
      return false;
    }
    this.#lines.push(JSON.stringify(record), '\n');
    if (this.#scheduled) return true;
    this.#scheduled = true;
    setImmediate(() => this.#pass());
    return true;
  }

  /** Records that were refused since the last call. */
  takeRefused(): number {
    const refused = this.#refused;
    if (this.#stream.writableLength <= MAX_WAITING) this.#refused = 0;
    return this.#stream.writableLength <= MAX_WAITING ? refused : 0;
  }

  /** Resolves when all is written, or nobody reads. */
  async close(): Promise<void> {
    this.#pass();
    const written = new Promise<void>((resolve) => {
      if (this.#stream === process.stdout) this.#stream.write('', () => resolve());
      else this.#stream.end(() => resolve());
    });
    await Promise.race([written, this.gone]);
  }

  #pass(): void {
    this.#scheduled = false;
    const text = this.#lines.join('');
    this.#lines = [];
    if (text !== '' && !this.#isGone) this.#stream.write(text);
  }
}

function readRequests(socket: Readable, onFlush: (token: number) => void): void {
  const lines = createInterface({ input: socket });
  lines.on('error', () => undefined); // the output sees it
  lines.on('line', (line) => {
    const token = flushToken(line);
    if (token !== null) onFlush(token);
  });
}

function flushToken(line: string): number | null {
  try {
    const request: unknown = JSON.parse(line);
    if (typeof request !== 'object' || request === null) return null;
    if (!('type' in request) || request.type !== 'flush' || !('token' in request)) return null;
    return typeof request.token === 'number' ? request.token : null;
  } catch {
    return null;
  }
}

function refusal(file: string, cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : null;
  switch (code) {
    case 'ENOENT':
      return `there is no ${file}: start the proxy with --probe-socket ${file} first`;
    case 'ECONNREFUSED':
      return `nobody listens on ${file}: start the proxy with --probe-socket ${file} first`;
    case 'ENOTSOCK':
      return `${file} is no socket: give --to the path of the proxy's --probe-socket`;
    case 'EACCES':
    case 'EPERM':
      return `${file} belongs to somebody else: only its owner and root may open it`;
    default:
      return `cannot connect to ${file}: ${cause instanceof Error ? cause.message : String(cause)}`;
  }
}
