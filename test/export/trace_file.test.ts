import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { after, describe, test } from 'node:test';
import { TraceFile, TraceFileError, type TraceFileLog } from '../../src/export/trace_file.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'pgnetflow-trace-'));
after(() => rmSync(folder, { recursive: true }));

interface Logged {
  readonly level: 'warn' | 'error';
  readonly fields: object;
  readonly message: string;
}

function keptLog(): { log: TraceFileLog; logged: Logged[] } {
  const logged: Logged[] = [];
  return {
    log: {
      warn: (fields, message) => void logged.push({ level: 'warn', fields, message }),
      error: (fields, message) => void logged.push({ level: 'error', fields, message }),
    },
    logged,
  };
}

/** A disk that takes one write at a time, when told to. */
class SlowDisk extends Writable {
  text = '';
  #waiting: (() => void) | null = null;

  constructor() {
    super({ decodeStrings: true });
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#waiting = () => {
      this.text += chunk.toString();
      done();
    };
  }

  /** Lets the write under way end, and those behind it, until nothing waits. */
  async catchUp(): Promise<void> {
    await turn();
    while (this.#waiting !== null) {
      const write = this.#waiting;
      this.#waiting = null;
      write();
      await turn();
    }
  }
}

/** All that is due has happened. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

describe('a trace file', () => {
  test('appends lines in order, behind what is there, and has them all when it is closed', async () => {
    const { log, logged } = keptLog();
    const file = path.join(folder, 'appended');
    writeFileSync(file, 'before\n');
    const trace = TraceFile.open(file, { log });
    const lines = Array.from({ length: 20_011 }, (_, index) => `line ${index} é`);
    for (const [index, line] of lines.entries()) {
      trace.write(line);
      if (index % 5003 === 0) await turn();
    }
    await trace.close();
    assert.equal(readFileSync(file, 'utf8'), `before\n${lines.join('\n')}\n`);
    assert.equal(trace.dropped, 0);
    assert.deepEqual(logged, []);
  });

  test('reaches the disk while it is open, without being closed', async () => {
    const disk = new SlowDisk();
    const trace = new TraceFile('slow', disk, keptLog());
    trace.write('one');
    await disk.catchUp();
    assert.equal(disk.text, 'one\n');
  });

  test(
    'is for its owner alone',
    { skip: process.platform === 'win32' && 'Windows has no file modes' },
    async () => {
      const file = path.join(folder, 'private');
      await TraceFile.open(file, keptLog()).close();
      assert.equal(statSync(file).mode & 0o777, 0o600);
    },
  );

  test('that cannot be opened is an error at once, which says why and where', () => {
    const file = path.join(folder, 'missing', 'trace');
    assert.throws(
      () => TraceFile.open(file, keptLog()),
      (error) => {
        assert.ok(error instanceof TraceFileError);
        assert.equal(error.code, 'PGNETFLOW_TRACE_FILE');
        assert.match(error.message, /^cannot open the trace file: ENOENT.*missing/);
        assert.ok(error.cause instanceof Error);
        return true;
      },
    );
  });

  test('takes no line after it is closed, and may be closed twice', async () => {
    const { log, logged } = keptLog();
    const file = path.join(folder, 'closed');
    const trace = TraceFile.open(file, { log });
    trace.write('in time');
    const closed = trace.close();
    trace.write('late');
    await closed;
    trace.write('later');
    await trace.close();
    assert.equal(readFileSync(file, 'utf8'), 'in time\n');
    assert.equal(trace.dropped, 2);
    assert.deepEqual(logged, []);
  });
});

describe('when the disk cannot keep up, a trace file', () => {
  test('drops lines, says how many where they are missing, and goes on', async () => {
    const { log, logged } = keptLog();
    const disk = new SlowDisk();
    const trace = new TraceFile('slow', disk, { log, maxWaitingBytes: 100 });
    const line = 'x'.repeat(9);
    for (let count = 0; count < 23; count += 1) trace.write(line);
    assert.equal(trace.dropped, 13);
    await disk.catchUp();
    trace.write('again');
    await disk.catchUp();
    assert.equal(
      disk.text,
      `${`${line}\n`.repeat(10)}# 13 lines dropped here: the disk could not keep up\nagain\n`,
    );
    assert.deepEqual(
      logged.map(({ level, fields }) => ({ level, fields })),
      [
        { level: 'warn', fields: { file: 'slow' } },
        { level: 'warn', fields: { file: 'slow', lines: 13 } },
      ],
    );
  });

  test('says so at its end, too', async () => {
    const disk = new SlowDisk();
    const trace = new TraceFile('slow', disk, { ...keptLog(), maxWaitingBytes: 1 });
    for (let count = 0; count < 5; count += 1) trace.write('x');
    const closed = trace.close();
    await disk.catchUp();
    await closed;
    assert.equal(disk.text, 'x\n# 4 lines dropped here: the disk could not keep up\n');
  });

  test('holds no more than it may, however much comes', async () => {
    const disk = new SlowDisk();
    const trace = new TraceFile('slow', disk, { ...keptLog(), maxWaitingBytes: 1000 });
    for (let count = 0; count < 10_007; count += 1) {
      trace.write('x'.repeat(50));
      if (count % 7 === 0) await turn();
      assert.ok(disk.writableLength <= 1051);
    }
    assert.ok(trace.dropped > 9_000);
  });
});

test(
  'when the disk is full the trace ends, the log says so, and nothing is thrown',
  { skip: existsSync('/dev/full') ? false : 'no /dev/full here' },
  async () => {
    const { log, logged } = keptLog();
    const trace = TraceFile.open('/dev/full', { log });
    trace.write('one');
    while (logged.length === 0) await turn();
    trace.write('two');
    await trace.close();
    assert.equal(trace.dropped, 1);
    assert.equal(logged.length, 1);
    const fields = logged[0]?.level === 'error' ? logged[0].fields : {};
    assert.ok('err' in fields && fields.err instanceof Error);
    assert.match(fields.err.message, /ENOSPC/);
  },
);
