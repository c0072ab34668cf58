import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import pino from 'pino';
import { LineWriter } from '../../src/export/line_writer.ts';
import type { Sink } from '../../src/export/sink.ts';

/** Takes what it is told to, when it is told to. */
class SlowSink implements Sink {
  readonly taken: string[] = [];
  closed = false;
  written = 0;
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

/** What is written in one go has reached the sink. */
async function turn(): Promise<void> {
  await new Promise(setImmediate);
}

describe('a writer of lines', () => {
  it('writes what has gathered meanwhile at once, in order', async () => {
    const sink = new SlowSink();
    const writer = new LineWriter(sink, { name: 'log', log: logInto([]) });
    for (const line of ['1\n', '2\n']) writer.write(line);
    await turn();
    for (const line of ['3\n', '4\n']) writer.write(line);
    assert.equal(writer.missing, 4);
    await sink.take();
    await sink.take();
    assert.equal(writer.missing, 0);
    writer.write('5\n');
    const closed = writer.close();
    writer.write('too late\n');
    await turn();
    await sink.take();
    await closed;
    assert.deepEqual(sink.taken, ['1\n2\n', '3\n4\n', '5\n']);
    assert.ok(sink.closed);
    assert.equal(writer.dropped, 1);
  });

  it('drops what would wait beyond the limit until half of it is written, and says how much that was', async () => {
    const messages: string[] = [];
    const sink = new SlowSink();
    const writer = new LineWriter(sink, { name: 'log', log: logInto(messages), maxWaiting: 20 });
    writer.write('1234\n');
    await turn();
    writer.write('5678901234\n');
    for (let line = 0; line < 23; line += 1) writer.write('too much\n');
    assert.equal(writer.dropped, 23);
    await sink.take();
    writer.write('ab\n');
    assert.equal(writer.dropped, 24);
    await sink.take();
    writer.write('cd\n');
    await turn();
    await sink.take();
    await writer.close();
    assert.deepEqual(sink.taken, ['1234\n', '5678901234\n', 'cd\n']);
    assert.equal(messages.length, 2);
    assert.match(messages[0]!, /the log drops lines: cannot keep up/);
    assert.match(messages[1]!, /"dropped":24,"dropped_in_all":24/);
  });

  it('counts what the sink refuses, goes on, and complains once', async () => {
    const messages: string[] = [];
    const sink = new SlowSink();
    const writer = new LineWriter(sink, { name: 'log', log: logInto(messages) });
    writer.write('1\n');
    await turn();
    writer.write('2\n');
    writer.write('3\n');
    await sink.take(new Error('ENOSPC: no space left'));
    await sink.take(new Error('ENOSPC: no space left'));
    writer.write('4\n');
    const closed = writer.close();
    await turn();
    await sink.take();
    await closed;
    assert.deepEqual(sink.taken, ['4\n']);
    assert.equal(writer.dropped, 3);
    assert.equal(messages.length, 2);
    assert.match(messages[0]!, /the log drops lines: ENOSPC/);
    assert.match(messages[1]!, /"dropped":3/);
  });
});

describe('a writer of lines that marks what is missing', () => {
  const gap = (lines: number, problem: string | null): string => `# ${lines}, ${problem}\n`;

  it('does so where it is, whether it came too fast or was refused', async () => {
    const sink = new SlowSink();
    const writer = new LineWriter(sink, { name: 'log', log: logInto([]), maxWaiting: 6, gap });
    for (const line of ['1\n', '2\n', '3\n', '4\n', '5\n']) writer.write(line);
    await turn();
    await sink.take();
    writer.write('6\n');
    await turn();
    // The mark of 4 and 5 is refused together with 6: all three are told of again.
    await sink.take(new Error('full'));
    writer.write('7\n');
    await turn();
    await sink.take();
    assert.deepEqual(sink.taken, ['1\n2\n3\n', '# 3, full\n7\n']);
    assert.equal(writer.dropped, 3);
  });

  it('does so at the end, too', async () => {
    const sink = new SlowSink();
    const writer = new LineWriter(sink, { name: 'log', log: logInto([]), maxWaiting: 2, gap });
    writer.write('1\n');
    await turn();
    await sink.take(new Error('full'));
    const closed = writer.close();
    await turn();
    await sink.take();
    await closed;
    assert.deepEqual(sink.taken, ['# 1, full\n']);
  });
});
