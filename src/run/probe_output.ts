import { once } from 'node:events';
import { existsSync, fstatSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { ProbeError } from '../kernel/probe/probe_error.ts';
import { clockUs, type RunRecord } from '../kernel/probe/record.ts';

/** Bytes that may wait for a reader that is slow. */
const MAX_WAITING = 64 * 1024 * 1024;
/** Characters that are written at once. */
const PIECE = 64 * 1024;
/** Nothing tells Node that the reader of a pipe has gone, but a write. */
const TICK_MS = 1000;

/** Why nobody reads any more. */
export type Gone =
  | { readonly by: 'reader' | 'proxy' }
  /** The proxy does not want this helper. */
  | { readonly by: 'refusal'; readonly reason: string };

/** Where records go: a line of JSON each, many in one write. */
export class ProbeOutput {
  readonly #stream: Writable;
  #text = '';
  #scheduled = false;
  #refused = 0;
  /** Resolves when nobody reads any more. */
  readonly gone: Promise<Gone>;
  #isGone = false;
  /** Whether anything has been written in the life of the output, and since the last tick. */
  #hasBegun = false;
  #isIdle = false;
  #ticking: NodeJS.Timeout | undefined;

  #leave: (why: Gone) => void = () => undefined;

  private constructor(stream: Writable, reader: 'reader' | 'proxy') {
    this.#stream = stream;
    this.gone = new Promise((resolve) => {
      this.#leave = (why) => {
        this.#isGone = true;
        clearInterval(this.#ticking);
        resolve(why);
      };
    });
    stream.on('error', () => this.#leave({ by: reader }));
    stream.on('close', () => this.#leave({ by: reader }));
  }

  static standardOutput(): ProbeOutput {
    const output = new ProbeOutput(process.stdout, 'reader');
    const { stdout } = process;
    const file = fstatSync(stdout.fd);
    if (file.isFIFO() || file.isSocket()) output.#ticking = setInterval(() => output.#tick(), TICK_MS);
    return output;
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
      throw new ProbeError('PROBE_NO_PROXY', connectProblem(file, cause), { cause });
    }
    const output = new ProbeOutput(socket, 'proxy');
    readRequests(socket, {
      flush: onFlush,
      refused: (reason) => output.#leave({ by: 'refusal', reason }),
    });
    return output;
  }

  /** False when the reader is too slow for what waits already: the record is lost then. */
  write(record: object): boolean {
    return this.#writeLine(() => JSON.stringify(record));
  }

  /** The same for the records of which there are many. */
  writeRun({ sock, dir, from, bytes, ops, first_us: first, last_us: last }: RunRecord): boolean {
    return this.#writeLine(
      () =>
        `{"type":"run","sock":${JSON.stringify(sock)},"dir":"${dir}","from":${from},"bytes":${bytes},"ops":${ops},"first_us":${first},"last_us":${last}}`,
    );
  }

  #writeLine(line: () => string): boolean {
    if (this.#isGone) return true;
    if (this.#stream.writableLength > MAX_WAITING) {
      this.#refused += 1;
      return false;
    }
    this.#hasBegun = true;
    this.#isIdle = false;
    this.#text += `${line()}\n`;
    if (this.#text.length > PIECE) this.#pass();
    if (this.#scheduled) return true;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#pass();
    });
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
    clearInterval(this.#ticking);
    this.#pass();
    const written = new Promise<void>((resolve) => {
      if (this.#stream === process.stdout) this.#stream.write('', () => resolve());
      else this.#stream.end(() => resolve());
    });
    await Promise.race([written, this.gone]);
  }

  #tick(): void {
    if (this.#hasBegun && this.#isIdle) this.write({ type: 'tick', clock_us: clockUs() });
    this.#isIdle = true;
  }

  #pass(): void {
    const text = this.#text;
    this.#text = '';
    if (text !== '' && !this.#isGone) this.#stream.write(text);
  }
}

/** What a proxy says to its helper (probes/README.md). */
interface Requests {
  readonly flush: (token: number) => void;
  readonly refused: (reason: string) => void;
}

function readRequests(socket: Readable, { flush, refused }: Requests): void {
  const lines = createInterface({ input: socket });
  lines.on('error', () => undefined); // the output sees it
  lines.on('line', (line) => {
    const request = parseRequest(line);
    if (request?.['type'] === 'flush' && typeof request['token'] === 'number') flush(request['token']);
    if (request?.['type'] !== 'refused') return;
    refused(typeof request['reason'] === 'string' ? request['reason'] : 'it does not say why');
  });
}

/** Null when it is no object. */
function parseRequest(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const request: unknown = JSON.parse(line);
    return typeof request === 'object' && request !== null ? { ...request } : null;
  } catch {
    return null;
  }
}

function connectProblem(file: string, cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : null;
  switch (code) {
    case 'ENOENT':
      if (!existsSync(path.dirname(file)))
        return `there is no directory ${path.dirname(file)}: give --to the path of the proxy's --probe-socket`;
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
