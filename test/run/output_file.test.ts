import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { unwritable } from '../../src/run/output_file.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'pgnetflow-'));
after(() => rmSync(folder, { recursive: true }));
const link = path.join(folder, 'link');
symlinkSync('none/log', link);

describe('a file that cannot be written', () => {
  const says: [code: string, file: string, RegExp][] = [
    [
      'ENOENT',
      path.join(folder, 'none', 'log'),
      /^there is no directory \S+none; make it, or name another file$/,
    ],
    ['ENOENT', link, /^it is a link to where there is no directory; make that, or name another file$/],
    ['ENOTDIR', path.join(link, 'log'), /^\S+link is no directory; name another file$/],
    ['EISDIR', folder, /^it is a directory; name a file in it$/],
    ['ENXIO', link, /^nobody reads this FIFO; start its reader first$/],
    [
      'EACCES',
      link,
      /^this user may not write to it, or not make files in \S+; ask the owner, or name another file$/,
    ],
    ['EROFS', link, /^its file system is read-only; name a file elsewhere$/],
    ['EIO', link, /^i\/o error$/],
  ];
  for (const [code, file, message] of says) {
    it(`is explained: ${code} of ${path.relative(folder, file)}`, () => {
      assert.match(unwritable(file, Object.assign(new Error('i/o error'), { code })), message);
    });
  }
});
