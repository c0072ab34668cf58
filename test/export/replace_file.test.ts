import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { replaceFile } from '../../src/export/replace_file.ts';

const root = mkdtempSync(path.join(tmpdir(), 'pgnetflow-'));
after(() => rmSync(root, { recursive: true }));

let folders = 0;
function freshFolder(): string {
  folders += 1;
  const folder = path.join(root, String(folders));
  mkdirSync(folder);
  return folder;
}

describe('replacing a file', () => {
  it('makes one that only its owner may read', async () => {
    const file = path.join(freshFolder(), 'report');
    await replaceFile(file, ['a', 'b']);
    assert.equal(readFileSync(file, 'utf8'), 'ab');
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });

  it('keeps the mode of the old one, follows a link, and leaves nothing else behind', async () => {
    const folder = freshFolder();
    writeFileSync(path.join(folder, 'report'), 'old');
    chmodSync(path.join(folder, 'report'), 0o640);
    symlinkSync('report', path.join(folder, 'link'));
    await replaceFile(path.join(folder, 'link'), ['new']);
    assert.equal(readFileSync(path.join(folder, 'report'), 'utf8'), 'new');
    assert.equal(statSync(path.join(folder, 'report')).mode & 0o777, 0o640);
    assert.deepEqual(readdirSync(folder), ['link', 'report']);
  });

  it('keeps the mode of the old one even where new files may have less', async () => {
    const file = path.join(freshFolder(), 'report');
    writeFileSync(file, 'old');
    chmodSync(file, 0o666);
    const umask = process.umask(0o077);
    try {
      await replaceFile(file, ['new']);
    } finally {
      process.umask(umask);
    }
    assert.equal(statSync(file).mode & 0o777, 0o666);
  });

  it(
    'keeps the owner and the group of the old one',
    { skip: process.getuid?.() === 0 ? false : 'only root may give files away' },
    async () => {
      const file = path.join(freshFolder(), 'report');
      writeFileSync(file, 'old');
      chownSync(file, 4711, 4712);
      chmodSync(file, 0o640);
      await replaceFile(file, ['new']);
      const { uid, gid, mode } = statSync(file);
      assert.deepEqual([uid, gid, mode & 0o777], [4711, 4712, 0o640]);
    },
  );

  it('follows links that lead to no file yet', async () => {
    const folder = freshFolder();
    mkdirSync(path.join(folder, 'elsewhere'));
    symlinkSync('elsewhere', path.join(folder, 'folder'));
    symlinkSync('folder/second', path.join(folder, 'first'));
    symlinkSync('../report', path.join(folder, 'elsewhere', 'second'));
    await replaceFile(path.join(folder, 'first'), ['new']);
    assert.deepEqual(readdirSync(folder), ['elsewhere', 'first', 'folder', 'report']);
    assert.equal(readFileSync(path.join(folder, 'first'), 'utf8'), 'new');
    assert.deepEqual(readdirSync(path.join(folder, 'elsewhere')), ['second']);
  });

  it('leaves the old one as it was when the new one cannot be made', async () => {
    const folder = freshFolder();
    const file = path.join(folder, 'report');
    writeFileSync(file, 'old');
    const broken = function* broken(): Generator<string> {
      yield 'x'.repeat(100_000);
      throw new Error('defect');
    };
    await assert.rejects(replaceFile(file, broken()), /defect/);
    assert.equal(readFileSync(file, 'utf8'), 'old');
    assert.deepEqual(readdirSync(folder), ['report']);
  });

  it('refuses a folder, and a FIFO that nobody reads, without waiting for ever', async () => {
    const folder = freshFolder();
    await assert.rejects(replaceFile(folder, ['x']), { code: 'EISDIR' });
    assert.deepEqual(
      readdirSync(path.dirname(folder)).filter((name) => name.endsWith('.tmp')),
      [],
    );
    const fifo = path.join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    await assert.rejects(replaceFile(fifo, ['x']), { code: 'ENXIO' });
  });
});
