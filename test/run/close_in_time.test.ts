import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import pino from 'pino';
import { LineWriter } from '../../src/export/line_writer.ts';
import type { Sink } from '../../src/export/sink.ts';
import { closeInTime } from '../../src/run/close_in_time.ts';

const log = pino({ level: 'silent' });
const patienceMs = 1;

/** Takes a byte more each time that it is looked at, until all is taken. */
class SlowSink implements Sink {
  #looks = 0;
  readonly #all: number;
  #finish = (): void => undefined;

  constructor(all: number) {
    this.#all = all;
  }

  get written(): number {
    this.#looks += 1;
    if (this.#looks === this.#all) this.#finish();
    return this.#looks;
  }

  write(): Promise<void> {
    return new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Takes nothing. */
const STUCK: Sink = {
  written: 7,
  write: () => new Promise(() => undefined),
  close: () => Promise.resolve(),
};

function writerOf(sink: Sink, lines: number): LineWriter {
  const writer = new LineWriter(sink, { name: 'log', log });
  for (let line = 0; line < lines; line += 1) writer.write('line\n');
  return writer;
}

describe('an output at the end', () => {
  it('is waited for as long as it goes on, however slow it is', async () => {
    const giveUp = (): void => assert.fail('given up');
    assert.equal(await closeInTime(writerOf(new SlowSink(23), 3), { patienceMs, giveUp }), null);
  });

  it('is given up when it takes nothing, and what is lost is said', async () => {
    let given = 0;
    const giveUp = (): void => void (given += 1);
    assert.equal(
      await closeInTime(writerOf(STUCK, 23), { patienceMs, giveUp }),
      'the log took nothing for 0.001 seconds: up to 23 entries are lost',
    );
    assert.equal(given, 1);
  });

  it('says that it could not be closed', async () => {
    const sink: Sink = { ...STUCK, close: () => Promise.reject(new Error('EIO: i/o error')) };
    assert.equal(
      await closeInTime(writerOf(sink, 0), { patienceMs: 1000 }),
      'the log could not be closed: EIO: i/o error',
    );
  });
});
