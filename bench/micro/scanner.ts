import { Framer, IN_RUNS, type MessageSink, prefixTable } from '../../src/wire/framer.ts';
import { Backend } from '../../src/wire/message_types.ts';
import { message } from './messages.ts';
import type { Piece } from './piece.ts';

const MESSAGE_BYTES = [40, 100, 8192];
/** What PostgreSQL writes at once, and what the proxy reads at once from a fast server. */
const CHUNK_BYTES = [8192, 65_536];
const STREAM_BYTES = 4 * 1024 * 1024;
const WAYS = [
  { name: 'in runs', prefix: IN_RUNS },
  { name: 'one by one', prefix: 0 },
];

/** Counts, so that no scan can be optimized away. */
class Counter implements MessageSink {
  messages = 0;
  bytes = 0;
  message(_type: number, _body: number, _buffer: Buffer, _from: number, _to: number, bytes: number): void {
    this.messages += 1;
    this.bytes += bytes;
  }
  run(_type: number, messages: number, bytes: number): void {
    this.messages += messages;
    this.bytes += bytes;
  }
  more(bytes: number): void {
    this.bytes += bytes;
  }
  violation(): void {
    throw new Error('a length that cannot be');
  }
  opaque(): void {
    throw new Error('bytes that were not understood');
  }
}

/** Finding the messages in a stream of rows, in chunks as they are read. */
export const scanner: readonly Piece[] = MESSAGE_BYTES.flatMap((messageBytes) =>
  CHUNK_BYTES.flatMap((chunkBytes) =>
    WAYS.map(({ name, prefix }): Piece => {
      const messages = Math.floor(STREAM_BYTES / messageBytes);
      const bytes = messages * messageBytes;
      return {
        name: `scanner, rows of ${messageBytes} B in chunks of ${chunkBytes / 1024} KiB, ${name}`,
        messages,
        bytes,
        make: () => {
          const stream = Buffer.alloc(bytes, message('D', Buffer.alloc(messageBytes - 5)));
          const sink = new Counter();
          const framer = new Framer(sink, prefixTable(new Map([[Backend.DataRow, prefix]])));
          return {
            run: (steps) => {
              for (let step = 0; step < steps; step += 1) scan(framer, stream, chunkBytes);
            },
            check: (steps) => {
              if (sink.messages === steps * messages && sink.bytes === steps * bytes) return;
              throw new Error(`${sink.messages} messages and ${sink.bytes} bytes of ${steps} streams`);
            },
          };
        },
      };
    }),
  ),
);

function scan(framer: Framer, stream: Buffer, chunkBytes: number): void {
  for (let at = 0; at < stream.length; at += chunkBytes) {
    framer.scan(stream, at, Math.min(at + chunkBytes, stream.length));
  }
}
