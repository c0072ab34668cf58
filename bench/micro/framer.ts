// What it costs to find the messages in a stream, in memory: `npm run bench:micro`.
import { Framer, IN_RUNS, type MessageSink, prefixTable } from '../../src/wire/framer.ts';
import { Backend } from '../../src/wire/message_types.ts';
import { table, threeDigits } from '../markdown.ts';
import { measureCost } from './cost.ts';
import { message } from './messages.ts';

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

const rows: string[][] = [];
for (const messageBytes of MESSAGE_BYTES) {
  const row = message('D', Buffer.alloc(messageBytes - 5));
  const messages = Math.floor(STREAM_BYTES / messageBytes);
  const stream = Buffer.alloc(messages * messageBytes, row);
  for (const chunkBytes of CHUNK_BYTES) {
    for (const { name, prefix } of WAYS) {
      const sink = new Counter();
      const framer = new Framer(sink, prefixTable(new Map([[Backend.DataRow, prefix]])));
      let streams = 0;
      const { ns, heapBytes, externalBytes } = await measureCost((times) => {
        streams += times;
        for (let time = 0; time < times; time += 1) scan(framer, stream, chunkBytes);
      });
      if (sink.messages !== streams * messages || sink.bytes !== streams * stream.length) {
        throw new Error(
          `${sink.messages} messages and ${sink.bytes} bytes of ${streams} streams were counted`,
        );
      }
      rows.push([
        `${messageBytes} B`,
        `${chunkBytes} B`,
        name,
        threeDigits(ns / messages),
        threeDigits(stream.length / ns),
        (heapBytes / messages).toFixed(2),
        (externalBytes / messages).toFixed(2),
      ]);
    }
  }
}
const head = ['DataRow', 'chunk', 'told', 'ns/message', 'GB/s', 'heap bytes/message', 'buffer bytes/message'];
process.stdout.write(`# Framer, Node ${process.versions.node}\n\n${table(head, rows)}\n`);

function scan(framer: Framer, stream: Buffer, chunkBytes: number): void {
  for (let at = 0; at < stream.length; at += chunkBytes) {
    framer.scan(stream, at, Math.min(at + chunkBytes, stream.length));
  }
}
