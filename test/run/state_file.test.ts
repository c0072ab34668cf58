// What becomes of a file of figures that cannot be read: it is set aside, never lost.
import assert from 'node:assert/strict';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { pino } from 'pino';
import { StateFile, StateFileError } from '../../src/run/state_file.ts';

const NOBODY = 65_534;
const notRoot = process.getuid?.() !== 0 && 'needs root, to become another user';
const log = pino({ level: 'silent' });

function inFolder(name: string, test: (folder: string) => Promise<void>, skip: string | false = false): void {
  it(name, { skip }, async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'pgn-'));
    try {
      await test(folder);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}

describe('a state file that cannot be read', () => {
  inFolder('is set aside where it is, and a link to it stays', async (folder) => {
    const real = path.join(folder, 'real');
    mkdirSync(real);
    const file = path.join(real, 'netflow.state');
    writeFileSync(file, 'hello');
    const link = path.join(folder, 'netflow.state');
    symlinkSync(file, link);
    const opened = await StateFile.open(link, log);
    try {
      await opened.save(() => Promise.resolve('new'));
    } finally {
      opened.release();
    }
    assert.ok(lstatSync(link).isSymbolicLink());
    assert.equal(readFileSync(file, 'utf8'), 'new');
    const aside = readdirSync(real).filter((one) => one.startsWith('netflow.state.damaged-'));
    assert.deepEqual(
      aside.map((one) => readFileSync(path.join(real, one), 'utf8')),
      ['hello'],
    );
  });

  inFolder(
    'is left as it is, and refused, when it cannot be set aside',
    async (folder) => {
      const file = path.join(folder, 'netflow.state');
      writeFileSync(file, 'hello');
      // As in /tmp: everybody may make files, and nobody may rename those of others.
      chmodSync(folder, 0o1777);
      process.seteuid!(NOBODY);
      try {
        await assert.rejects(StateFile.open(file, log), (error) => {
          assert.ok(error instanceof StateFileError);
          assert.match(error.message, /netflow\.state: it is not read: .*; nor can it be set aside: .*EPERM/);
          return true;
        });
      } finally {
        process.seteuid!(0);
      }
      assert.equal(readFileSync(file, 'utf8'), 'hello');
      assert.deepEqual(readdirSync(folder), ['netflow.state']);
    },
    notRoot,
  );
});
