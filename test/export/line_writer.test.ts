import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import pino from 'pino';
import { LineWriter } from '../../src/export/line_writer.ts';
import type { Sink } from '../../src/export/sink.ts';

/** Takes what it is told to, when it is told to. */
class SlowSink implements Sink {
  readonly taken: string[] = [];
  closed = false;
  #pending: { pieces: string; resolve: () => void; reject: (error: Error) => void }[] = [];

  write(pieces: Iterable<string>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ pieces: [...pieces].join(''), resolve, reject });
    });
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  /** Resolves when the writer has seen the outcome. */
  async take(error?: Error): Promise<void> {
    const { pieces, resolve, reject } = this.#pending.shift()!;
    if (error === undefined) {
      this.taken.push(pieces);
      resolve();
    } else reject(error);
    await new Promise(setImmediate);
  }
}

function logInto(messages: string[]): pino.Logger {
  return pino({ base: null }, { write: (line: string) => messages.push(line) });
}

describe('a writer of lines', () => {
  it('writes what has gathered meanwhile at once, in order', async () => {
    const sink = new SlowSink();
    const writer = new LineWriter(sink, 'log', logInto([]));
    for (const line of ['1\n', '2\n', '3\n']) writer.write(line);
    await sink.take();
    await sink.take();
    writer.write('5\n');
    const closed = writer.close();
    await sink.take();
    await closed;
    assert.deepEqual(sink.taken, ['1\n', '2\n3\n', '5\n']);
    assert.ok(sink.closed);
    assert.equal(writer.dropped, 0);
  });

  it('drops what would wait beyond the limit, and says how much that was', async () => {
    const messages: string[] = [];
    const sink = new SlowSink();
    const writer = new LineWriter(sink, 'log', logInto(messages), 10);
    writer.write('1234\n');
    writer.write('5678\n');
    for (let line = 0; line < 23; line += 1) writer.write('too much\n');
    assert.equal(writer.dropped, 23);
    await sink.take();
    writer.write('abcd\n');
    await sink.take();
    await sink.take();
    await writer.close();
    assert.deepEqual(sink.taken, ['1234\n', '5678\n', 'abcd\n']);
    assert.equal(messages.length, 2);
    assert.match(messages[0]!, /the log drops lines: cannot keep up/);
    assert.match(messages[1]!, /"dropped":23,"dropped_in_all":23/);
  });

  it('counts what the sink refuses, goes on, and complains once', async () => {
    const messages: string[] = [];
    const sink = new SlowSink();
    const writer = new LineWriter(sink, 'log', logInto(messages));
    writer.write('1\n');
    writer.write('2\n');
    writer.write('3\n');
    await sink.take(new Error('ENOSPC: no space left'));
    await sink.take(new Error('ENOSPC: no space left'));
    writer.write('4\n');
    const closed = writer.close();
    await sink.take();
    await closed;
    assert.deepEqual(sink.taken, ['4\n']);
    assert.equal(writer.dropped, 3);
    assert.equal(messages.length, 2);
    assert.match(messages[0]!, /the log drops lines: ENOSPC/);
    assert.match(messages[1]!, /"dropped":3/);
  });
});
