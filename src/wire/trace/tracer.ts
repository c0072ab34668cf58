import { Framer, type MessageSink, prefixTable } from '../framer.ts';
import { Backend, Frontend } from '../message_types.ts';
import { authenticationFormat, unexpectedResponse } from './authentication.ts';
import { BodyPrinter } from './body_printer.ts';
import type { Format } from './fields.ts';
import { backendFormats, frontendFormats } from './message_fields.ts';
import { printMessage, type Sender } from './print.ts';
import { otherStartupMessage, startupFormat } from './startup.ts';

export interface TraceOptions {
  /** Second column of each line. */
  readonly sessionId: number | string;
  /** First column of each line: the time now. */
  readonly timestamp: () => string;
  /** Takes one line, without its line end; must not throw. */
  readonly write: (line: string) => void;
  /** Bytes of a message's body that are looked at. Default: 4096. */
  readonly maxBodyBytes?: number;
}

const DEFAULT_MAX_BODY_BYTES = 4096;

/**
 * Writes a line for each message of a session: time, session id, and what {@link printMessage} makes of it. Of a body
 * only the first `maxBodyBytes` are held and printed. Never throws, whatever the bytes.
 */
export class Tracer {
  readonly #options: TraceOptions;
  readonly #maxBodyBytes: number;
  readonly #client: Framer;
  readonly #server: Framer;
  /** How to print the client's next message of type `p`. */
  #response: Format = unexpectedResponse;

  constructor(options: TraceOptions) {
    this.#options = options;
    this.#maxBodyBytes = options.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES;
    const prefixes = prefixTable(new Map(), this.#maxBodyBytes);
    this.#client = new Framer(this.#sink('F', frontendFormats), prefixes);
    this.#server = new Framer(this.#sink('B', backendFormats), prefixes);
  }

  /** One packet without a type byte, as a whole. After a StartupMessage of another version nothing is traced. */
  startup(packet: Buffer): void {
    const from = Math.min(packet.length, 4);
    const to = Math.min(packet.length, from + this.#maxBodyBytes);
    const body = new BodyPrinter(packet, from, to, packet.length - from);
    const format = startupFormat(packet);
    this.#write(printMessage('F', packet.length, format, body));
    if (format !== otherStartupMessage) return;
    this.#client.turnOpaque();
    this.#server.turnOpaque();
  }

  /** The next bytes of the client's typed messages. */
  fromClient(buffer: Buffer, from: number, to: number): void {
    this.#client.scan(buffer, from, to);
  }

  /** The next bytes of the server's typed messages. */
  fromServer(buffer: Buffer, from: number, to: number): void {
    this.#server.scan(buffer, from, to);
  }

  #sink(sender: Sender, formats: readonly Format[]): MessageSink {
    return {
      message: (type, bodyLength, buffer, from, to) => {
        const body = new BodyPrinter(buffer, from, to, bodyLength);
        const format = this.#subtype(sender, type, body) ?? formats[type]!;
        this.#write(printMessage(sender, bodyLength + 4, format, body));
      },
      run: () => {},
      more: () => {},
      violation: (type, length) => {
        const { name } = formats[type]!;
        this.#write(`${sender}\t${length}\t${name}\t ...(impossible length, nothing behind it is traced)`);
      },
      opaque: () => {},
    };
  }

  /** The format of a message whose type byte does not tell it. */
  #subtype(sender: Sender, type: number, body: BodyPrinter): Format | null {
    if (sender === 'B' && type === Backend.Authentication) {
      const authentication = authenticationFormat(body);
      this.#response = authentication.response;
      return authentication;
    }
    if (sender === 'F' && type === Frontend.PasswordMessage) {
      const response = this.#response;
      this.#response = unexpectedResponse;
      return response;
    }
    return null;
  }

  #write(message: string): void {
    const { timestamp, sessionId, write } = this.#options;
    write(`${timestamp()}\t${sessionId}\t${message}`);
  }
}
