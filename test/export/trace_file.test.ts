import assert from 'node:assert/strict';
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import pino from 'pino';
import { openAppendSink } from '../../src/export/append_sink.ts';
import { TraceFile } from '../../src/export/trace_file.ts';
import { until } from '../support/until.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'pgnetflow-trace-'));
after(() => rmSync(folder, { recursive: true }));

const silent = pino({ level: 'silent' });

/** All that is due has happened. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

describe('a trace file', () => {
  test('appends lines in order, behind what is there, and has them all when it is closed', async () => {
    const messages: string[] = [];
    const log = pino({}, { write: (line: string) => messages.push(line) });
    const file = path.join(folder, 'appended');
    writeFileSync(file, 'half');
    const trace = await TraceFile.open(file, log);
    const lines = Array.from({ length: 20_011 }, (_, index) => `line ${index} é`);
    for (const [index, line] of lines.entries()) {
      trace.write(line);
      if (index % 5003 === 0) await turn();
    }
    await trace.close();
    assert.equal(readFileSync(file, 'utf8'), `half\n${lines.join('\n')}\n`);
    assert.equal(trace.dropped, 0);
    assert.deepEqual(messages, []);
  });

  test('reaches the disk while it is open, without being closed', async () => {
    const file = path.join(folder, 'open');
    const trace = await TraceFile.open(file, silent);
    trace.write('one');
    await until(() => readFileSync(file, 'utf8') === 'one\n', 'the line');
    await trace.close();
  });

  test(
    'is for its owner alone',
    { skip: process.platform === 'win32' && 'Windows has no file modes' },
    async () => {
      const file = path.join(folder, 'private');
      await (await TraceFile.open(file, silent)).close();
      assert.equal(statSync(file).mode & 0o777, 0o600);
    },
  );

  test('cannot be opened where there is no folder', async () => {
    await assert.rejects(TraceFile.open(path.join(folder, 'missing', 'trace'), silent), { code: 'ENOENT' });
  });

  test('says how many lines are missing where the disk could not keep up, and goes on', async () => {
    const file = path.join(folder, 'slow');
    const trace = new TraceFile(await openAppendSink(file), silent, 100);
    const line = 'x'.repeat(9);
    for (let count = 0; count < 23; count += 1) trace.write(line);
    assert.equal(trace.dropped, 13);
    await until(() => readFileSync(file, 'utf8') === `${line}\n`.repeat(10), 'the disk');
    await turn();
    trace.write('again');
    await trace.close();
    assert.equal(
      readFileSync(file, 'utf8'),
      `${`${line}\n`.repeat(10)}# 13 lines dropped here: the disk could not keep up\nagain\n`,
    );
  });
});

test(
  'a trace goes on when a full disk has room again, and says how many lines are missing',
  { skip: existsSync('/dev/full') ? false : 'no /dev/full here' },
  async () => {
    const messages: string[] = [];
    const log = pino({}, { write: (line: string) => messages.push(line) });
    const file = path.join(folder, 'full');
    symlinkSync('/dev/full', file);
    const trace = await TraceFile.open(file, log);
    for (const [index, line] of ['one', 'two'].entries()) {
      trace.write(line);
      await until(() => trace.dropped === index + 1, 'the full disk');
    }
    assert.equal(messages.length, 1);
    assert.match(messages[0]!, /the trace drops lines: ENOSPC/);
    // As if what filled the disk had been taken away.
    unlinkSync(file);
    trace.reopen();
    trace.write('three');
    await trace.close();
    assert.match(
      readFileSync(file, 'utf8'),
      /^# up to 2 lines dropped here: ENOSPC: no space left on device, write\nthree\n$/,
    );
    assert.equal(trace.dropped, 2);
    assert.match(messages[1]!, /"dropped":2,.*the trace dropped lines/);
  },
);
