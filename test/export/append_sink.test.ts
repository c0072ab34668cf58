import { strict as assert } from 'node:assert';
import { type FileHandle, open } from 'node:fs/promises';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it, mock } from 'node:test';
import { openAppendSink } from '../../src/export/append_sink.ts';
import { until } from '../support/until.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'pgnetflow-'));
after(() => rmSync(folder, { recursive: true }));

/** What all file handles of Node share, so that a full disk can be played. */
async function fileHandles(): Promise<FileHandle> {
  const handle = await open(folder);
  await handle.close();
  const methods: FileHandle = Object.getPrototypeOf(handle);
  return methods;
}

describe('a file that is appended to', () => {
  for (const [what, before, expected] of [
    ['behind whole lines', 'whole\n', 'whole\none\n'],
    ['behind half a line, on one of its own', 'whole\n{"half', 'whole\n{"half\none\n'],
    ['in an empty file, on the first line', '', 'one\n'],
  ] as const) {
    it(`goes on ${what}`, async () => {
      const file = path.join(folder, what);
      writeFileSync(file, before);
      const sink = await openAppendSink(file);
      await sink.write(['one\n']);
      await sink.close();
      assert.equal(readFileSync(file, 'utf8'), expected);
    });
  }

  it('leaves alone what it writes nothing to', async () => {
    const file = path.join(folder, 'untouched');
    writeFileSync(file, '{"half');
    await (await openAppendSink(file)).close();
    assert.equal(readFileSync(file, 'utf8'), '{"half');
  });

  it('begins on a line of its own in the file that it finds when it is reopened', async () => {
    const file = path.join(folder, 'reopened');
    const sink = await openAppendSink(file);
    await sink.write(['one\n']);
    renameSync(file, `${file}.1`);
    writeFileSync(file, 'half');
    sink.reopen();
    await sink.write(['two\n']);
    await sink.close();
    assert.equal(readFileSync(file, 'utf8'), 'half\ntwo\n');
    assert.equal(readFileSync(`${file}.1`, 'utf8'), 'one\n');
  });

  it('makes the new file when it is reopened, not when there is something to write', async () => {
    const file = path.join(folder, 'rotated');
    const sink = await openAppendSink(file);
    renameSync(file, `${file}.1`);
    sink.reopen();
    await until(() => {
      try {
        return readFileSync(file, 'utf8') === '';
      } catch {
        return false;
      }
    }, 'the new file');
    await sink.close();
  });

  for (const [what, taken, expected] of [
    ['nothing', 0, 'one\nfour\n'],
    ['half a line', 2, 'one\ntw\nfour\n'],
    ['a whole line', 4, 'one\ntwo\nfour\n'],
  ] as const) {
    it(`goes on on a line of its own when a full disk has taken ${what}`, async () => {
      const file = path.join(folder, `full after ${taken}`);
      const sink = await openAppendSink(file);
      await sink.write(['one\n']);
      const full = mock.method(await fileHandles(), 'write', takingOnly(taken));
      await assert.rejects(sink.write(['two\nthree\n']), { code: 'ENOSPC' });
      full.mock.restore();
      await sink.write(['four\n']);
      await sink.close();
      assert.equal(readFileSync(file, 'utf8'), expected);
    });
  }
});

/** What FileHandle.write does when there is room for so many bytes. */
function takingOnly(room: number) {
  return function write(this: FileHandle, bytes: Buffer): Promise<{ bytesWritten: number }> {
    if (room === 0) throw Object.assign(new Error('the disk is full'), { code: 'ENOSPC' });
    const bytesWritten = writeSync(this.fd, bytes, 0, room);
    room -= bytesWritten;
    return Promise.resolve({ bytesWritten });
  };
}
