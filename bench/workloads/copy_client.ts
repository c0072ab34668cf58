import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import type { Endpoint } from '../model.ts';
import { LOGIN, RUN_TIMEOUT_MS } from './workload.ts';

/** ReadyForQuery outside a transaction: what every answer ends with, and what the rows here never hold. */
const READY = Buffer.from('Z\0\0\0\x05I', 'latin1');
/** Length 8, code 1234.5679. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
const READ_BYTES = 256 * 1024;
const ERROR_RESPONSE = 0x45;
const COPY_IN_RESPONSE = 0x47;
/** CopyInResponse of one text column. */
const COPY_IN_RESPONSE_BYTES = 10;

/** What has come since the last request. */
interface Answer {
  bytes: number;
  firstByte: number;
  /** Of an ErrorResponse: what was read first. */
  error: string;
}

/**
 * A PostgreSQL client that does as little as it can: it reads into one buffer and looks at an answer's first and
 * last bytes only, so that the way to the server is what is measured.
 */
export class CopyClient {
  #socket: net.Socket;
  readonly #buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  readonly #tail = Buffer.alloc(READY.length);
  #answer: Answer = noAnswer();
  #isComplete: (answer: Answer) => boolean = () => false;
  #complete: (() => void) | null = null;
  #broken: ((error: Error) => void) | null = null;

  private constructor(at: Endpoint) {
    const { host, port } = at;
    this.#socket = net.connect({
      host,
      port,
      noDelay: true,
      // TLS takes the socket over and does the reading.
      ...(at.tls !== true && { onread: this.#onRead }),
    });
    this.#watch();
  }

  static async connect(at: Endpoint): Promise<CopyClient> {
    const client = new CopyClient(at);
    if (at.tls === true) await client.#secure();
    await client.#ask(startupMessage(), client.#ready);
    return client;
  }

  /**
   * Runs a COPY TO STDOUT so many times.
   *
   * @param copyBytes what its CopyData messages must be in bytes: less has been lost on the way
   * @returns bytes of CopyData
   */
  async copyOut(sql: string, times: number, copyBytes: number): Promise<number> {
    const request = query(sql);
    for (let time = 0; time < times; time += 1) {
      const answer = await this.#ask(request, this.#ready);
      // CopyOutResponse, CopyDone, CommandComplete and ReadyForQuery come besides.
      const others = answer.bytes - copyBytes;
      if (others < 0 || others > 64) throw new Error(`${answer.bytes} bytes came for ${copyBytes} of data`);
    }
    return times * copyBytes;
  }

  /**
   * Runs a COPY FROM STDIN of one text column.
   *
   * @param block whole CopyData messages
   * @returns bytes of CopyData
   */
  async copyIn(sql: string, block: Buffer, blocks: number): Promise<number> {
    const begun = await this.#ask(query(sql), ({ bytes }) => bytes >= COPY_IN_RESPONSE_BYTES);
    if (begun.firstByte !== COPY_IN_RESPONSE) throw new Error('no CopyInResponse');
    for (let sent = 0; sent < blocks; sent += 1) {
      if (!this.#socket.write(block)) await once(this.#socket, 'drain');
    }
    await this.#ask(Buffer.from('c\0\0\0\x04', 'latin1'), this.#ready);
    return blocks * block.length;
  }

  end(): void {
    this.#socket.end(Buffer.from('X\0\0\0\x04', 'latin1'));
  }

  async #secure(): Promise<void> {
    const raw = this.#socket;
    raw.write(SSL_REQUEST);
    const [answer]: unknown[] = await once(raw, 'data');
    if (!(answer instanceof Buffer) || answer.toString() !== 'S') throw new Error('no TLS there');
    const socket = tls.connect({ socket: raw, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    this.#socket = socket;
    this.#watch();
    socket.on('data', (chunk: Buffer) => this.#read(chunk, chunk.length));
  }

  #watch(): void {
    const socket = this.#socket;
    socket.setTimeout(RUN_TIMEOUT_MS, () => socket.destroy(new Error('no answer in time')));
    socket.on('error', (error) => this.#broken?.(error));
    socket.on('close', () => this.#broken?.(new Error('the connection was closed')));
  }

  get #onRead(): net.OnReadOpts {
    const buffer = this.#buffer;
    return { buffer, callback: (bytes) => this.#read(buffer, bytes) };
  }

  readonly #ready = (): boolean => this.#tail.equals(READY);

  async #ask(request: Buffer, isComplete: (answer: Answer) => boolean): Promise<Answer> {
    this.#answer = noAnswer();
    this.#tail.fill(0);
    this.#isComplete = isComplete;
    const answer = this.#answer;
    await new Promise<void>((resolve, reject) => {
      this.#complete = resolve;
      this.#broken = reject;
      this.#socket.write(request);
    });
    if (answer.error !== '') throw new Error(`the server reports ${answer.error}`);
    return answer;
  }

  #read(buffer: Buffer, bytes: number): boolean {
    const answer = this.#answer;
    if (answer.bytes === 0) {
      answer.firstByte = buffer[0]!;
      if (answer.firstByte === ERROR_RESPONSE) {
        answer.error = buffer.toString('utf8', 5, bytes).replaceAll('\0', ' ');
      }
    }
    answer.bytes += bytes;
    const kept = Math.min(bytes, READY.length);
    this.#tail.copyWithin(0, kept);
    buffer.copy(this.#tail, READY.length - kept, bytes - kept, bytes);
    if (answer.error !== '' || this.#isComplete(answer)) this.#complete?.();
    return true;
  }
}

function noAnswer(): Answer {
  return { bytes: 0, firstByte: 0, error: '' };
}

function startupMessage(): Buffer {
  const parameters = Object.entries(LOGIN).flatMap(([name, value]) => [name, value]);
  const body = Buffer.from(`\0\x03\0\0${parameters.join('\0')}\0\0`, 'latin1');
  return Buffer.concat([lengthField(body), body]);
}

function query(sql: string): Buffer {
  const body = Buffer.from(`${sql}\0`);
  return Buffer.concat([Buffer.from('Q'), lengthField(body), body]);
}

function lengthField(body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return length;
}
